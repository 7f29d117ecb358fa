"""openat2(2): opening a path without leaving a directory; syncfs(2)."""

from __future__ import annotations

import ctypes
import os

from farm.kernel.libc import Path, encoded, failed, function, syscall

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

_NR_openat2 = 437

_syncfs = function("syncfs", ctypes.c_int)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def openat2(dir_fd: int, path: Path, flags: int, *, mode: int = 0, resolve: int = RESOLVE_IN_ROOT) -> int:
    """Open ``path`` as if ``dir_fd`` were the root directory (Linux 5.6); always close-on-exec. The caller closes it.

    EAGAIN means a race with a rename that the kernel could not settle; EXDEV that the path would have left ``dir_fd``.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    fd = syscall(
        _NR_openat2, ctypes.c_int(dir_fd), encoded(path), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
    )
    if fd < 0:
        raise failed("openat2", path, hex(flags), hex(resolve))
    return fd


def syncfs(fd: int) -> None:
    """Wait until everything written to the file system that ``fd`` is on has reached its disk. Holds the interpreter."""
    if _syncfs(fd):
        raise failed("syncfs", fd)
