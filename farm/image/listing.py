"""What an image's files were when it was imported, one by one, so that they can be compared with what they are now.

::

    store/<digest>/tree        <kind> <mode> <uid> <gid> <time> <content> <name>     a line for each file
                               ..                                                    the end of a folder

``kind`` is ``d f l c b p s``, ``mode`` octal, ``time`` the seconds of a file's or a link's mtime, ``content`` the sha256 of a
file, where a link leads, the number of a device, or ``opaque`` for a folder of a layer that hides what is below it; ``-`` where
there is none. A folder's line is followed by those of what is in it, sorted. Bytes beyond printable ASCII, spaces and
backslashes are ``\\ooo``. The sha256 of all of it is the image's tree digest; ``image.json`` keeps it.

A tree may be deeper than a path can be long: one descriptor is all that is open, and it climbs back by ``..``.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from farm.errors import GivenUpError
from farm.image.unpacking import Stopped
from farm.values import dataclass

NAME = "tree"
_BESIDE = frozenset({NAME, "image.json"})
_CHUNK_BYTES = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ODD = re.compile(rb"[^!-\[\]-~]")
_OPAQUE = "trusted.overlay.opaque"
_KINDS = {
    stat.S_IFDIR: b"d", stat.S_IFREG: b"f", stat.S_IFLNK: b"l", stat.S_IFCHR: b"c", stat.S_IFBLK: b"b",
    stat.S_IFIFO: b"p", stat.S_IFSOCK: b"s",
}  # fmt: skip
_FIELDS = ("kind", "mode", "owner", "group", "time", "content")
_END = b"..\n"

_Entry: TypeAlias = tuple[tuple[bytes, ...], bytes]


@dataclass(frozen=True, slots=True)
class Summary:
    """``digest`` of the lines, and what the files take of the disk, hard links counted once."""

    digest: str
    disk_bytes: int


def write(folder_fd: int, stopped: Stopped) -> Summary:
    """List the image in the folder ``folder_fd`` and keep the list there. Raises ``OSError``.

    ``ImageError`` as soon as ``stopped`` says that nobody needs it any more.
    """
    walk, total = _Walk(folder_fd, stopped), hashlib.sha256()
    fd = os.open(NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder_fd)
    with open(fd, "wb", buffering=1 << 16) as file:
        for line in walk.lines():
            total.update(line)
            file.write(line)
    return Summary(total.hexdigest(), walk.disk_bytes)


def differences(folder_fd: int, digest: str) -> Iterator[str]:
    """What of the image in ``folder_fd`` is not as it was written down under ``digest``, each a phrase for people.

    Raises ``OSError`` where something cannot be read.
    """
    try:
        fd = os.open(NAME, _FILE, dir_fd=folder_fd)
    except FileNotFoundError:
        yield "the list of its files is missing"
        return
    with open(fd, "rb") as recorded:
        if hashlib.file_digest(recorded, "sha256").hexdigest() != digest:
            yield "the list of its files was changed"
            return
        recorded.seek(0)
        yield from _compared(_entries(recorded), _entries(_Walk(folder_fd, lambda: False).lines()))


class _Walk:
    """Goes through an image once."""

    def __init__(self, folder_fd: int, stopped: Stopped) -> None:
        self.disk_bytes = 0
        self._fd = folder_fd
        self._stopped = stopped
        self._linked: dict[int, bytes] = {}  # by inode: the contents of files that have several names

    def lines(self) -> Iterator[bytes]:
        fd = os.dup(self._fd)
        try:
            waiting = [_sorted(set(os.listdir(fd)) - _BESIDE)]
            while waiting:
                if not waiting[-1]:
                    waiting.pop()
                    if waiting:
                        yield _END
                        fd = _moved(fd, "..")
                    continue
                shown, name = waiting[-1].pop()
                about = os.stat(name, dir_fd=fd, follow_symlinks=False)
                yield b"%s %s\n" % (self._attributes(fd, name, about), shown)
                if stat.S_ISDIR(about.st_mode):
                    fd = _moved(fd, name)
                    waiting.append(_sorted(os.listdir(fd)))
        finally:
            os.close(fd)

    def _attributes(self, fd: int, name: str, about: os.stat_result) -> bytes:
        content, time_s = b"-", b"-"
        seen = about.st_ino in self._linked
        if stat.S_ISREG(about.st_mode):
            content = self._linked[about.st_ino] if seen else _content(fd, name, about, self._stopped)
            time_s = b"%d" % int(about.st_mtime)
            if about.st_nlink > 1:
                self._linked[about.st_ino] = content
        elif stat.S_ISLNK(about.st_mode):
            content, time_s = _escaped(os.fsencode(os.readlink(name, dir_fd=fd))), b"%d" % int(about.st_mtime)
        elif stat.S_ISDIR(about.st_mode):
            content = b"opaque" if _is_opaque(fd, name) else b"-"
        else:
            content = b"%d" % about.st_rdev
        self.disk_bytes += 0 if seen else about.st_blocks * 512
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), b"?")
        mode = stat.S_IMODE(about.st_mode)
        return b"%s %o %d %d %s %s" % (kind, mode, about.st_uid, about.st_gid, time_s, content)


def _is_opaque(fd: int, name: str) -> bool:
    """Whether overlayfs shows nothing of the layers below in the folder ``name``: in a prepared image that is content."""
    try:
        return os.getxattr(f"/proc/self/fd/{fd}/{name}", _OPAQUE, follow_symlinks=False) == b"y"
    except OSError:  # ENODATA, or a file system without such attributes
        return False


def _moved(fd: int, name: str) -> int:
    """A descriptor of the folder ``name`` seen from ``fd``, in its place."""
    there = os.open(name, _DIRECTORY, dir_fd=fd)
    os.close(fd)
    return there


def _content(dir_fd: int, name: str, about: os.stat_result, stopped: Stopped) -> bytes:
    fd = os.open(name, _FILE, dir_fd=dir_fd)
    try:
        total = hashlib.sha256()
        for data in _with_holes(fd, about.st_size) if about.st_blocks * 512 < about.st_size else _read(fd):
            if stopped():
                raise GivenUpError(name)
            total.update(data)
        return total.hexdigest().encode()
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from error
    finally:
        os.close(fd)


def _read(fd: int) -> Iterator[bytes]:
    while data := os.read(fd, _CHUNK_BYTES):
        yield data


def _with_holes(fd: int, size_bytes: int) -> Iterator[bytes | memoryview]:
    """What ``_read`` yields, but no hole is read: that takes five times as long as its zeros do, and room in the page cache."""
    at, zeros = 0, memoryview(bytes(_CHUNK_BYTES))
    while at < size_bytes:
        try:
            there = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # no data beyond
                raise
            there = size_bytes
        while at < there:
            yield zeros[: there - at]
            at += min(_CHUNK_BYTES, there - at)
        if at >= size_bytes:
            return
        end = os.lseek(fd, at, os.SEEK_HOLE)
        os.lseek(fd, at, os.SEEK_SET)
        while at < end:
            data = os.read(fd, min(_CHUNK_BYTES, end - at))
            if not data:
                return  # it was cut meanwhile
            yield data
            at += len(data)


def _sorted(names: Iterable[str]) -> list[tuple[bytes, str]]:
    """Names as they are shown and as they are, the first one last."""
    return sorted(((_escaped(os.fsencode(name)), name) for name in names), reverse=True)


def _escaped(text: bytes) -> bytes:
    return _ODD.sub(lambda found: b"\\%03o" % found[0][0], text)


def _entries(lines: Iterable[bytes]) -> Iterator[_Entry]:
    """Path and attributes of each file; paths come in the order of tuples."""
    at: list[bytes] = []
    for line in lines:
        if line == _END:
            at.pop()
            continue
        attributes, _, name = line.rstrip(b"\n").rpartition(b" ")
        yield (*at, name), attributes
        if attributes.startswith(b"d"):
            at.append(name)


def _compared(recorded: Iterator[_Entry], found: Iterator[_Entry]) -> Iterator[str]:
    before, now = next(recorded, None), next(found, None)
    while before is not None or now is not None:
        if now is None or (before is not None and before[0] < now[0]):
            assert before is not None
            yield f"{_path(before)} is missing"
            before = next(recorded, None)
        elif before is None or now[0] < before[0]:
            yield f"{_path(now)} was added"
            now = next(found, None)
        else:
            if before[1] != now[1]:
                yield f"{_path(now)} has another {_what(before[1], now[1])}"
            before, now = next(recorded, None), next(found, None)


def _path(entry: _Entry) -> str:
    return b"/".join(entry[0]).decode("ascii")


def _what(before: bytes, now: bytes) -> str:
    pairs = zip(_FIELDS, before.split(b" "), now.split(b" "), strict=True)
    return ", ".join(name for name, old, new in pairs if old != new)
