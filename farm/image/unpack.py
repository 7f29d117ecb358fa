"""Members of an archive become files below ``/``, of which nothing but the image is there: see ``worker``.

Every name resolves inside, so this is about what an archive may mean, not about where it may reach. Refused: names with
``..``, hard links that are absolute or lead through a symbolic link. A leading ``/`` is dropped. A member replaces what has
its name, a folder only while it is empty; folders that no member makes are root's, 0755.

A layer of an OCI image is unpacked over those below it. In one, ``.wh.NAME`` deletes what they have as NAME, ``.wh..wh..opq``
all that they have in its folder, and a member replaces a folder of theirs with all it holds; other names that begin with
``.wh..wh.`` are left out, and ``.wh.`` with nothing, ``.`` or ``..`` behind it is refused. What the layer brings itself stays.

Kept: folders, files, holes, symbolic and hard links, modes with setuid bits, owners up to 65,534, times from 1901 to 2446
(what ext4 can; the file system cuts off what it cannot), ``user.*`` attributes. Dropped and counted: devices, FIFOs, other
attributes (file capabilities, ACLs), kinds of members that nobody knows. An owner beyond 65,534 becomes that (nobody).
"""

from __future__ import annotations

import errno
import os
import stat

from farm.errors import ImageError, KernelError
from farm.image import trees
from farm.image.archive import members
from farm.image.header import DEVICE, FIFO, FILE, FOLDER, HARD_LINK, SYMLINK, UNKNOWN
from farm.image.limits import TOO_LARGE
from farm.kernel import files

TYPE_CHECKING = False  # see ``packed``
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from farm.image.header import Member
    from farm.image.limits import UnpackLimits
    from farm.image.stream import Stream

    _Made = TypeVar("_Made")

_FIRST_TIME_S, _LAST_TIME_S = -(1 << 31), (3 << 32) + (1 << 31) - 1
_NOBODY = 65534
_WHITEOUT, _OPAQUE = ".wh.", ".wh..opq"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_DROPPED = (DEVICE, FIFO, UNKNOWN)
_STRAIGHT = files.RESOLVE_BENEATH | files.RESOLVE_NO_SYMLINKS


class Unpacker:
    """Unpacks one archive; ``members``, ``size_bytes`` and ``dropped`` say what came of it.

    ``layer`` says that it is one of an OCI image, to be unpacked over those below it.
    """

    def __init__(self, stream: Stream, limits: UnpackLimits, *, layer: bool = False) -> None:
        self.members = 0
        self.size_bytes = 0
        self.dropped: dict[str, int] = {}
        self._stream = stream
        self._limits = limits
        self._root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._parent: str | None = ""  # None: the name may mean another folder by now
        self._parent_fd = os.dup(self._root)
        self._target: str | None = ""  # the same of what hard links lead to
        self._target_fd = os.dup(self._root)
        self._folder_times: dict[str, int] = {}
        self._brought: set[str] | None = set() if layer else None  # paths of this layer and the folders above them

    def run(self) -> None:
        """Unpack all of it. ``ImageError``, or ``OSError`` where the disk is full."""
        os.umask(0)
        for member in members(self._stream, self._limits.header_bytes):
            self._count(member)
            try:
                self._extract(member)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
                    raise
                raise ImageError(
                    "the archive cannot be unpacked", f"{_shown(member.name)}: {error.strerror}"
                ) from error
            except (ValueError, OverflowError) as error:
                raise ImageError("the archive is damaged or hostile", f"{_shown(member.name)}: {error}") from error
        for path, mtime_s in reversed(self._folder_times.items()):
            try:
                os.utime(path or ".", (mtime_s, mtime_s), dir_fd=self._root, follow_symlinks=False)
            except OSError:
                pass  # a later member may have replaced it

    def _count(self, member: Member) -> None:
        self.members += 1
        self.size_bytes += member.size if member.kind == FILE else 0
        if self.members > self._limits.members:
            raise ImageError(TOO_LARGE, f"it has more than {self._limits.members} members")
        if self.size_bytes > self._limits.total_bytes:
            raise ImageError(TOO_LARGE, f"its files hold more than {self._limits.total_bytes} bytes")

    def _extract(self, member: Member) -> None:
        path = _inside(member.name)
        parent, _, name = path.rpartition("/")
        if self._brought is not None:
            if name.startswith(_WHITEOUT):
                self._white_out(member, parent, name.removeprefix(_WHITEOUT))
                return
            _add_with_parents(self._brought, path)
        kind = member.kind
        if kind in _DROPPED:
            self._drop(kind)
        elif not name:
            if kind == FOLDER:
                self._finish_folder(member, self._root, "")
        elif kind == FILE:
            self._write(member, self._enter(parent), name)
        elif kind == FOLDER:
            self._make_folder(member, self._enter(parent), name, path)
        elif kind == HARD_LINK:
            self._link(member, self._enter(parent), name, path)
        elif kind == SYMLINK:
            self._symlink(member, self._enter(parent), name)

    # Folders

    def _enter(self, parent: str) -> int:
        """A descriptor of the folder ``parent``, made if it is not there; the same one as long as that stays the same."""
        if parent != self._parent:
            fd = self._opened(parent)
            os.close(self._parent_fd)
            self._parent, self._parent_fd = parent, fd
        return self._parent_fd

    def _opened(self, path: str) -> int:
        if not path:
            return os.dup(self._root)
        try:
            return files.openat2(self._root, path, _FOLDER)
        except KernelError as error:
            if error.errno != errno.ENOENT:
                raise
        above = "."
        for name in path.split("/"):
            fd = files.openat2(self._root, above, _FOLDER)
            try:
                os.mkdir(name, 0o755, dir_fd=fd)
            except FileExistsError:
                pass  # or a symbolic link: the next step shows whether it leads to a folder
            finally:
                os.close(fd)
            above = f"{above}/{name}"
        return files.openat2(self._root, path, _FOLDER)

    def _make_folder(self, member: Member, within: int, name: str, path: str) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=within)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=within, follow_symlinks=False).st_mode):
                self._clear(within, name)
                os.mkdir(name, 0o700, dir_fd=within)
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
        try:
            self._finish_folder(member, fd, path)
        finally:
            os.close(fd)

    def _finish_folder(self, member: Member, fd: int, path: str) -> None:
        self._attributes(member, fd)
        os.fchown(fd, *self._owner(member))
        os.fchmod(fd, member.mode & 0o7777)
        # What comes into it later changes its time, so that is set at the end; the last of its members counts.
        self._folder_times.pop(path, None)
        self._folder_times[path] = _time(member)

    # Files and links

    def _write(self, member: Member, within: int, name: str) -> None:
        fd = self._placed(lambda: os.open(name, _NEW_FILE, 0o600, dir_fd=within), within, name)
        try:
            if member.pieces is not None:
                self._write_sparse(member, member.pieces, fd)
            else:
                self._stream.copy(fd, member.size)
            self._attributes(member, fd)
            os.fchown(fd, *self._owner(member))
            os.fchmod(fd, member.mode & 0o7777)
            when = _time(member)
            os.utime(fd, (when, when))
        finally:
            os.close(fd)

    def _write_sparse(self, member: Member, pieces: list[tuple[int, int]], fd: int) -> None:
        end = 0
        for offset, size in pieces:
            if size == 0:  # GNU tar fills up its table with these
                continue
            if offset < end or offset + size > member.size:
                raise ImageError("the archive is damaged", f"{_shown(member.name)} has holes that overlap")
            end = offset + size
            os.lseek(fd, offset, os.SEEK_SET)
            self._stream.copy(fd, size)
        os.ftruncate(fd, member.size)

    def _symlink(self, member: Member, within: int, name: str) -> None:
        self._placed(lambda: os.symlink(member.link, name, dir_fd=within), within, name)
        os.chown(name, *self._owner(member), dir_fd=within, follow_symlinks=False)
        when = _time(member)
        os.utime(name, (when, when), dir_fd=within, follow_symlinks=False)

    def _link(self, member: Member, within: int, name: str, path: str) -> None:
        if member.link.startswith("/"):
            raise _refused(member, f"is a hard link to the absolute path {_shown(member.link)}")
        leads_to = _inside(member.link)
        if leads_to == path:
            raise _refused(member, "is a hard link to itself")
        parent, _, target = leads_to.rpartition("/")
        try:
            source = self._straight_to(parent)
        except KernelError as error:
            reason = "leads through a symbolic link" if error.errno == errno.ELOOP else error.strerror
            raise _refused(member, f"is a hard link to {_shown(member.link)}, which {reason}") from error
        try:  # as ``_placed`` does, which would take a third longer: a small system is mostly links
            os.link(target, name, src_dir_fd=source, dst_dir_fd=within, follow_symlinks=False)
        except FileExistsError:
            self._clear(within, name)
            os.link(target, name, src_dir_fd=source, dst_dir_fd=within, follow_symlinks=False)

    def _straight_to(self, folder: str) -> int:
        """A descriptor of ``folder``, reached without a symbolic link; the same one as long as that stays the same."""
        if folder != self._target:
            fd = files.openat2(self._root, folder or ".", _FOLDER, resolve=_STRAIGHT)
            os.close(self._target_fd)
            self._target, self._target_fd = folder, fd
        return self._target_fd

    def _attributes(self, member: Member, fd: int) -> None:
        for name, value in (member.attributes or {}).items():
            try:
                if not name.startswith("user."):
                    raise PermissionError
                os.setxattr(fd, name, value)
            except OSError:  # a file system without attributes, or without room for this one
                self._drop("attribute")

    def _owner(self, member: Member) -> tuple[int, int]:
        if 0 <= member.uid <= _NOBODY and 0 <= member.gid <= _NOBODY:
            return member.uid, member.gid
        self._drop("owner")
        uid, gid = (each if 0 <= each <= _NOBODY else _NOBODY for each in (member.uid, member.gid))
        return uid, gid

    def _placed(self, make: Callable[[], _Made], within: int, name: str) -> _Made:
        """What ``make`` gives, once what has the name ``name`` has given way."""
        try:
            return make()
        except FileExistsError:
            self._clear(within, name)
            return make()

    def _clear(self, within: int, name: str) -> None:
        """Make room for a member that comes again: everything but a folder with something in it gives way."""
        self._parent = self._target = None
        try:
            os.unlink(name, dir_fd=within)
        except IsADirectoryError:
            if self._brought is None:
                os.rmdir(name, dir_fd=within)
            else:
                trees.remove(within, name)

    def _drop(self, kind: str) -> None:
        self.dropped[kind] = self.dropped.get(kind, 0) + 1

    # Layers

    def _white_out(self, member: Member, parent: str, hidden: str) -> None:
        """Delete what the layers below have as ``hidden`` in ``parent``."""
        if hidden in ("", ".", ".."):
            raise ImageError("the layer holds a whiteout that is refused", f"{_shown(member.name)} hides no name")
        if hidden != _OPAQUE and hidden.startswith(_WHITEOUT):
            self._drop("whiteout")  # of aufs, for its own use
            return
        self._parent = self._target = None
        try:
            if hidden == _OPAQUE:
                self._delete_below(parent)
            else:
                self._delete(parent, hidden)
        except (FileNotFoundError, NotADirectoryError):
            pass  # the layers below have no such thing
        except KernelError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise

    def _delete_below(self, top: str) -> None:
        """Delete all in the folder ``top`` that this layer did not bring."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            fd = files.openat2(self._root, folder or ".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                listed = os.listdir(fd)
            finally:
                os.close(fd)
            waiting += [f"{folder}/{name}".lstrip("/") for name in listed if self._delete(folder, name)]

    def _delete(self, parent: str, name: str) -> bool:
        """Delete what is called ``name`` in ``parent``; True where it is a folder that this layer brought, which stays."""
        assert self._brought is not None
        within = files.openat2(self._root, parent or ".", _FOLDER)
        try:
            is_folder = stat.S_ISDIR(os.stat(name, dir_fd=within, follow_symlinks=False).st_mode)
            if f"{parent}/{name}".lstrip("/") in self._brought:
                return is_folder
            if is_folder:
                trees.remove(within, name)
            else:
                os.unlink(name, dir_fd=within)
            return False
        finally:
            os.close(within)


def _add_with_parents(paths: set[str], path: str) -> None:
    while path and path not in paths:
        paths.add(path)
        path = path.rpartition("/")[0]


def _inside(name: str) -> str:
    """``name`` below the image's root, without ``.`` and empty parts; empty for the root itself."""
    if not ("/." in name or "//" in name or name.startswith((".", "/")) or name.endswith("/")):
        return name  # nothing of it is odd, as in most archives
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ImageError("the archive holds a name that is refused", f"{_shown(name)} goes up with ..")
    return "/".join(parts)


def _refused(member: Member, why: str) -> ImageError:
    return ImageError("the archive holds a link that is refused", f"{_shown(member.name)} {why}")


def _shown(name: str) -> str:
    """A name for people: printable, not long."""
    text = ascii(name)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _time(member: Member) -> int:
    if member.mtime_s != member.mtime_s:  # not a number
        return 0
    return int(min(max(member.mtime_s, _FIRST_TIME_S), _LAST_TIME_S))
