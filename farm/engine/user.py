"""Who the command of a job is: a name or a number, looked up in the image's own passwd(5) and group(5)."""

from __future__ import annotations

import errno
import os
import stat

from farm.errors import FarmError
from farm.kernel.files import openat2
from farm.model.distro import Overlay
from farm.values import dataclass

_MOST_BYTES = 16 << 20
_MOST_ID = (1 << 32) - 2  # the highest one means "no change" to the kernel


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of a container that a command runs with, and its user's home."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/root"

    @property
    def ids(self) -> tuple[int, ...]:
        """As a container is told: empty for root, who needs no telling."""
        return (self.uid, self.gid, *self.groups) if (self.uid, self.gid, self.groups) != (0, 0, ()) else ()


ROOT = Identity()


def identity(user: str, overlays: tuple[Overlay, ...], most_id: int | None = None) -> Identity:
    """Whom ``user`` of the image of ``overlays`` means. Raises ``FarmError`` where the image has no such user.

    The files are read from the layers of the image, outside of any container: no link in them leads anywhere else. What a
    job mounts over them makes no difference. ``most_id`` is the highest id that its container has, None where it has all.
    """
    if not user:
        return ROOT
    found = find(user, image_file(overlays, "etc/passwd"), image_file(overlays, "etc/group"))
    for number in (found.uid, found.gid, *found.groups):
        if most_id is not None and number > most_id:
            raise FarmError(f"user {user}: there is no id {number} in a container", f"its ids end at {most_id}")
    return found


def find(user: str, passwd: str, group: str) -> Identity:
    """Whom ``user``, a name or uid and perhaps a colon and a group, is by the two files. As Docker does it.

    A number need not be in them: its group is 0 and its home ``/`` then. With a group said, there are no further groups.
    Raises ``FarmError`` for names that are not there.
    """
    name, colon, group_name = user.partition(":")
    if not name or (colon and not group_name):
        raise FarmError(f"user {user!r} is no user", "", "write a name, a uid, or uid:gid")
    entry = _entry(passwd, name)
    if entry is None and not _is_number(name):
        raise FarmError(
            f"the image has no user {name}", "its /etc/passwd does not name one", "prepare one, or say a uid"
        )
    uid, gid, home = (int(entry[2]), int(entry[3]), entry[5] or "/") if entry else (int(name), 0, "/")
    if colon:
        return Identity(uid, _group(group, group_name), (), home)
    further = (int(each[2]) for each in _entries(group, 4) if entry and entry[0] in each[3].split(","))
    return Identity(uid, gid, tuple(sorted({*further} - {gid})), home)


def image_file(overlays: tuple[Overlay, ...], path: str) -> str:
    """The text of the regular file ``path`` (relative to the root) as the layers of an image show it; empty for none."""
    over = max((each for each in overlays if _holds(each.target, path)), key=lambda each: len(each.target))
    inner = os.path.relpath(f"/{path}", over.target)
    for lower in over.lowers:
        text, last = _layer_file(lower, inner)
        if last:
            return text
    return ""


def _layer_file(lower: str, path: str) -> tuple[str, bool]:
    """The file in one layer; and whether that settles it, or the layer below has a say."""
    top = os.open(lower, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = openat2(top, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return "", _is_opaque(top, os.path.dirname(path))
        if error.errno in (errno.ENXIO, errno.EACCES, errno.ENODEV):
            return "", True  # a device (a whiteout, 0:0, is one), a socket: not a file, and what is below is hidden
        raise
    finally:
        os.close(top)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return "", True
        with os.fdopen(os.dup(fd), "rb") as file:
            return file.read(_MOST_BYTES).decode(errors="replace"), True
    finally:
        os.close(fd)


def _is_opaque(top: int, folder: str) -> bool:
    """The layer's ``folder`` hides what layers below have in theirs; see overlayfs."""
    if not folder:
        return False
    try:
        fd = openat2(top, folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        return os.getxattr(fd, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False
    finally:
        os.close(fd)


def _holds(target: str, path: str) -> bool:
    return target == "/" or f"/{path}".startswith(target.rstrip("/") + "/")


def _entries(text: str, fields: int) -> list[list[str]]:
    """The lines with as many fields and numbers for ids; others are passed over, as the C library does."""
    found = (line.strip().split(":") for line in text.splitlines() if not line.startswith(("#", "+", "-")))
    return [each for each in found if len(each) >= fields and all(_is_number(each[at]) for at in (2, 3)[: fields // 3])]


def _entry(passwd: str, name: str) -> list[str] | None:
    entries = _entries(passwd, 7)
    by_name = next((each for each in entries if each[0] == name), None)
    if by_name is None and _is_number(name):
        return next((each for each in entries if int(each[2]) == int(name)), None)
    return by_name


def _group(text: str, name: str) -> int:
    entry = next((each for each in _entries(text, 4) if each[0] == name), None)
    if entry is not None:
        return int(entry[2])
    if not _is_number(name):
        raise FarmError(f"the image has no group {name}", "its /etc/group does not name one", "say a gid")
    return int(name)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= _MOST_ID
