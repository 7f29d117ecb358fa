"""mount(2), umount2(2), pivot_root(2) and the descriptor-based calls of Linux 5.2 and later.

The new calls carry the same numbers on every architecture (they came after the numbers were unified), so they need no
table; their constants are from ``include/uapi/linux/mount.h``.
"""

from __future__ import annotations

import ctypes
import errno

from farm.kernel.libc import AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, Path, encoded, failed, function, last_errno, syscall

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_RELATIME = 0x200000

MNT_DETACH = 0x2

OPEN_TREE_CLONE = 0x1
OPEN_TREE_CLOEXEC = 0o2000000
MOVE_MOUNT_F_EMPTY_PATH = 0x4
MOVE_MOUNT_T_EMPTY_PATH = 0x40

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR_IDMAP = 0x100000

_NR_open_tree = 428
_NR_move_mount = 429
NR_mount_setattr = 442

_mount = function("mount", ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_umount2 = function("umount2", ctypes.c_char_p, ctypes.c_int)
_pivot_root = function("pivot_root", ctypes.c_char_p, ctypes.c_char_p)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def mount(source: Path, target: Path, fstype: str = "", flags: int = 0, data: Path = "") -> None:
    """Mount ``source`` on ``target``. ``data`` must fit a page; see mount(2) for the errors."""
    if _mount(encoded(source), encoded(target), fstype.encode() or None, flags, encoded(data) or None):
        raise failed("mount", source, target, fstype, hex(flags), data, hint=hint(fstype, last_errno()))


def umount2(target: Path, flags: int = 0) -> None:
    """Unmount ``target``; ``MNT_DETACH`` takes it out of sight now and lets it go when nothing uses it."""
    if _umount2(encoded(target), flags):
        raise failed("umount2", target, flags)


def pivot_root(new_root: Path, put_old: Path) -> None:
    """Make ``new_root`` the root of this mount namespace. ``new_root`` must be a mount point; see pivot_root(2)."""
    if _pivot_root(encoded(new_root), encoded(put_old)):
        raise failed("pivot_root", new_root, put_old)


def open_tree(path: Path, flags: int = OPEN_TREE_CLONE, dir_fd: int = AT_FDCWD) -> int:
    """A descriptor of the mount at ``path``; with ``OPEN_TREE_CLONE`` a detached copy of it. The caller closes it."""
    fd = syscall(_NR_open_tree, ctypes.c_int(dir_fd), encoded(path), ctypes.c_uint(flags | OPEN_TREE_CLOEXEC))
    if fd < 0:
        raise failed("open_tree", path, hex(flags))
    return fd


def move_mount(from_fd: int, target: Path, dir_fd: int = AT_FDCWD) -> None:
    """Attach the detached mount ``from_fd`` to ``target``, or to ``dir_fd`` itself where ``target`` is empty."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | (0 if target else MOVE_MOUNT_T_EMPTY_PATH)
    if syscall(_NR_move_mount, ctypes.c_int(from_fd), b"", ctypes.c_int(dir_fd), encoded(target), ctypes.c_uint(flags)):
        raise failed("move_mount", from_fd, target)


def mount_setattr(
    path: Path,
    attr_set: int,
    *,
    dir_fd: int = AT_FDCWD,
    userns_fd: int = 0,
    recursive: bool = False,
    propagation: int = 0,
) -> None:
    """Set attributes of the mount at ``path``, or of the one ``dir_fd`` is, where ``path`` is empty (Linux 5.12).

    ``propagation`` is MS_PRIVATE and its like, 0 for as it is. ``MOUNT_ATTR_IDMAP`` with ``userns_fd`` makes an idmapped
    mount: EINVAL where the file system cannot be idmapped.
    """
    attr = _MountAttr(attr_set=attr_set, userns_fd=userns_fd, propagation=propagation)
    flags = (0 if path else AT_EMPTY_PATH) | (AT_RECURSIVE if recursive else 0)
    if syscall(
        NR_mount_setattr,
        ctypes.c_int(dir_fd),
        encoded(path),
        ctypes.c_uint(flags),
        ctypes.byref(attr),
        ctypes.c_size_t(ctypes.sizeof(attr)),
    ):
        raise failed("mount_setattr", path, hex(attr_set))


def hint(fstype: str, number: int) -> str:
    """What usually makes mount(2) of ``fstype`` fail with errno ``number``."""
    if number == errno.EPERM:
        return "needs CAP_SYS_ADMIN in the mount namespace's user namespace"
    if number == errno.ENODEV:
        return f"this kernel has no {fstype} file system"
    return ""
