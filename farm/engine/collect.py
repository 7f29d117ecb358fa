"""Copying artifacts out of a container that has ended, from outside, through its root.

Whoever made these files may mean harm. What holds them to their container:

- Every process of it is dead, so nothing changes while it is looked at; a folder that is mounted ``rw`` may all the same.
- Directories are opened one below the other by descriptor, never through a symbolic link, but for links in what the pattern
  itself spells out: those resolve inside the container's root (openat2(2), RESOLVE_IN_ROOT).
- Only regular files are opened, without following anything; devices, FIFOs and sockets are not. A symbolic link is left out:
  what it leads to is copied where a pattern names it by its own path.
- What the container's root could not read is not read for it: in a mounted folder, files of users that it has no ids for.
- Nothing of the kernel's own file systems (/proc) is a file.
- Copies are the farm's, without set-id bits; sizes, numbers and depths are bounded, and holes stay holes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from farm.engine import globs
from farm.engine.mask import Mask
from farm.kernel import files
from farm.kernel.userns import IdMap
from farm.model.artifact import Artifact

_MOST_FILES = 10_000
_MOST_LOOKS = 50_000
_DEEPEST = 50  # a descriptor each
_CHUNK_BYTES = 1 << 20
_TOLD = 3
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(slots=True)
class Collected:
    """What was copied, and what was not: reasons with the paths they hold for."""

    artifacts: list[Artifact] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def leave_out(self, path: str, reason: str) -> None:
        self.left_out.setdefault(reason, []).append(path)

    def notes(self) -> list[str]:
        """A sentence for each reason, with the first few paths."""
        found = []
        for reason, paths in self.left_out.items():
            more = f" and {len(paths) - _TOLD} more" if len(paths) > _TOLD else ""
            shown = ", ".join("/" + _printable(each) for each in paths[:_TOLD])
            found.append(f"artifacts left out, {reason}: {shown}{more}")
        return found


def _printable(path: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in path)


class Collector:
    """Copies from the root directory ``root_fd``, which is borrowed, to the new folder ``target``, ``most_bytes`` at most.

    ``id_map`` is the container's, None without a user namespace. A name that ``mask`` covers is not copied: reports would
    show it. Blocks: for a thread.
    """

    def __init__(
        self, root_fd: int, target: str, most_bytes: int, id_map: IdMap | None, mask: Mask | None = None
    ) -> None:
        self._root_fd = root_fd
        self._target = target
        self._left_bytes = most_bytes
        self._most_bytes = most_bytes
        self._id_map = id_map
        self._mask = mask
        self._looks_left = _MOST_LOOKS
        self._seen: set[str] = set()
        self._found = Collected()

    def collect(self, patterns: tuple[str, ...]) -> Collected:
        """Copy what ``patterns`` match; a folder with all that is in it. Raises ``OSError`` where copies cannot be written."""
        for pattern in patterns:
            top = os.open(".", _DIRECTORY | os.O_CLOEXEC, dir_fd=self._root_fd)
            try:
                self._walk(top, (), globs.parts(pattern))
            finally:
                os.close(top)
        return self._found

    def _walk(self, at: int, names: tuple[str, ...], wanted: tuple[str, ...]) -> None:
        """Copy what of the directory ``at``, which ``names`` lead to, is as ``wanted`` says."""
        if len(names) > _DEEPEST:
            self._found.leave_out("/".join(names), f"more than {_DEEPEST} folders deep")
            return
        part, *rest = wanted or (globs.DEEP,)
        if part == globs.DEEP:
            if rest:
                self._walk(at, names, tuple(rest))
            for name, status in self._listed(at, names):
                if stat.S_ISDIR(status.st_mode):
                    self._enter(at, (*names, name), (globs.DEEP, *rest))
                elif not rest:
                    self._take(at, (*names, name), status)
        elif globs.is_plain(part):
            self._step(at, (*names, part), tuple(rest))
        else:
            for name, status in self._listed(at, names):
                if globs.fits(part, name):
                    self._go_on(at, (*names, name), status, tuple(rest))

    def _step(self, at: int, names: tuple[str, ...], rest: tuple[str, ...]) -> None:
        """One name that the pattern spells out."""
        if names[-1] == "..":
            return
        try:
            status = os.stat(names[-1], dir_fd=at, follow_symlinks=False)
        except OSError:
            return  # not there; or a name that cannot be
        if stat.S_ISLNK(status.st_mode) and rest:
            self._follow(names, rest)
        else:
            self._go_on(at, names, status, rest)

    def _go_on(self, at: int, names: tuple[str, ...], status: os.stat_result, rest: tuple[str, ...]) -> None:
        if stat.S_ISDIR(status.st_mode):
            self._enter(at, names, rest)
        elif not rest or set(rest) == {globs.DEEP}:
            self._take(at, names, status)

    def _enter(self, at: int, names: tuple[str, ...], rest: tuple[str, ...]) -> None:
        try:
            fd = files.openat2(at, names[-1], _DIRECTORY, resolve=files.RESOLVE_BENEATH | files.RESOLVE_NO_SYMLINKS)
        except OSError as error:
            self._found.leave_out("/".join(names), error.strerror or "unreadable")
            return
        try:
            self._descend(fd, names, rest)
        finally:
            os.close(fd)

    def _follow(self, names: tuple[str, ...], rest: tuple[str, ...]) -> None:
        """A link that the pattern spells out the name of, to a directory inside."""
        try:
            fd = files.openat2(self._root_fd, "/".join(names), os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            self._found.leave_out("/".join(names), error.strerror or "unreadable")
            return
        try:
            if self._may_reach(fd):
                self._descend(fd, names, rest)
            else:
                self._found.leave_out("/".join(names), "the container may not read them")
        finally:
            os.close(fd)

    def _descend(self, fd: int, names: tuple[str, ...], rest: tuple[str, ...]) -> None:
        if files.file_system(fd) in files.KERNEL_FILE_SYSTEMS:
            self._found.leave_out("/".join(names), "the kernel's own files")
        elif not self._may(os.fstat(fd), 0o005):
            self._found.leave_out("/".join(names), "the container may not read them")
        else:
            self._walk(fd, names, rest)

    def _may_reach(self, fd: int) -> bool:
        """The container's root could have come to the directory ``fd`` from its own."""
        root = os.fstat(self._root_fd)
        at = os.dup(fd)
        try:
            for _ in range(_DEEPEST):
                status = os.fstat(at)
                if os.path.samestat(status, root):
                    return True
                if not self._may(status, 0o001):
                    return False
                above = os.open("..", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
                os.close(at)
                at = above
            return False
        finally:
            os.close(at)

    def _may(self, status: os.stat_result, bits: int) -> bool:
        """Root of the container may do what ``bits`` say: almighty over what has ids of its container, else one of all."""
        if self._id_map is None:
            return True
        ids = range(self._id_map.base, self._id_map.base + self._id_map.count)
        return (status.st_uid in ids and status.st_gid in ids) or status.st_mode & bits == bits

    def _listed(self, at: int, names: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
        """What is in the directory ``at``, sorted."""
        found = []
        with os.scandir(at) as entries:
            for entry in entries:
                self._looks_left -= 1
                if self._looks_left < 0:
                    self._found.leave_out("/".join(names), f"more than {_MOST_LOOKS} names were looked at")
                    break
                found.append(entry.name)
        for name in sorted(found):
            try:
                yield name, os.stat(name, dir_fd=at, follow_symlinks=False)
            except OSError:
                continue  # gone meanwhile: a folder of the host's

    def _take(self, at: int, names: tuple[str, ...], status: os.stat_result) -> None:
        path = "/".join(names)
        if path in self._seen:
            return
        self._seen.add(path)
        if not stat.S_ISREG(status.st_mode):
            kind = "symbolic links" if stat.S_ISLNK(status.st_mode) else "neither files nor folders"
            self._found.leave_out(path, kind)
        elif self._mask is not None and self._mask.text(path) != path:
            self._found.leave_out(path, "a secret is in their names")
        elif len(self._found.artifacts) >= _MOST_FILES:
            self._found.leave_out(path, f"more than {_MOST_FILES} files")
        else:
            self._open(at, names, path)

    def _open(self, at: int, names: tuple[str, ...], path: str) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            fd = files.openat2(at, names[-1], flags, resolve=files.RESOLVE_BENEATH | files.RESOLVE_NO_SYMLINKS)
        except OSError as error:
            self._found.leave_out(path, error.strerror or "unreadable")
            return
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or files.file_system(fd) in files.KERNEL_FILE_SYSTEMS:
                self._found.leave_out(path, "neither files nor folders")
            elif not self._may(status, 0o004):
                self._found.leave_out(path, "the container may not read them")
            elif status.st_size > self._left_bytes:
                self._found.leave_out(path, f"they would pass the max-size of {self._most_bytes} bytes")
            else:
                self._copy(fd, status, path)
        finally:
            os.close(fd)

    def _copy(self, fd: int, status: os.stat_result, path: str) -> None:
        target = os.path.join(self._target, path)
        os.makedirs(self._target, exist_ok=True)
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
                self._found.leave_out(path, error.strerror or "")
                return
            raise
        try:
            _copy_data(fd, copy, status.st_size)
            os.fchmod(copy, 0o644 | (status.st_mode & 0o111))
            os.utime(copy, ns=(status.st_mtime_ns, status.st_mtime_ns))
        finally:
            os.close(copy)
        self._left_bytes -= status.st_size
        self._found.artifacts.append(Artifact(path, status.st_size))


def _copy_data(source: int, target: int, size_bytes: int) -> None:
    """The first ``size_bytes`` of ``source``; what is a hole there is one in ``target``."""
    os.ftruncate(target, size_bytes)
    at = 0
    while at < size_bytes:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # nothing but a hole from here
        hole = min(os.lseek(source, at, os.SEEK_HOLE), size_bytes)
        while at < hole:
            data = os.pread(source, min(_CHUNK_BYTES, hole - at), at)
            if not data:
                return
            at += os.pwrite(target, data, at)
