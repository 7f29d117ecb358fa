"""openat2(2): opening a path without leaving a directory; syncfs(2); fstatfs(2)."""

from __future__ import annotations

import ctypes
import errno
import os

from farm.errors import KernelError
from farm.kernel.libc import Path, encoded, failed, function, last_errno, syscall

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

_NR_openat2 = 437
_TRIES = 1000
_DANGLING = "the image has a symbolic link there that leads to nothing: name the place that it should lead to"

KERNEL_FILE_SYSTEMS = frozenset(
    {
        0x9FA0,  # proc
        0x62656572,  # sysfs
        0x27E0EB,  # cgroup
        0x63677270,  # cgroup2
        0x1CD1,  # devpts
        0x64626720,  # debugfs
        0x74726163,  # tracefs
        0x73636673,  # securityfs
        0xCAFE4A11,  # bpf
        0xDE5E81E4,  # efivarfs
        0x62656570,  # configfs
        0xF97CFF8C,  # selinuxfs
        0x6165676C,  # pstore
        0x6E736673,  # nsfs
        0x19800202,  # mqueue
        0x42494E4D,  # binfmt_misc
        0x65735543,  # fusectl
    }
)
"""``f_type`` of what holds no files but the kernel's own (``include/uapi/linux/magic.h``)."""

_STATFS_BYTES = 256  # struct statfs is 120 bytes or less, its first word f_type

_syncfs = function("syncfs", ctypes.c_int)
_fstatfs = function("fstatfs", ctypes.c_int, ctypes.c_char_p)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def openat2(dir_fd: int, path: Path, flags: int, *, mode: int = 0, resolve: int = RESOLVE_IN_ROOT) -> int:
    """Open ``path`` as if ``dir_fd`` were the root directory (Linux 5.6); always close-on-exec. The caller closes it.

    A path with ``..`` in it, or in a link on its way, fails where anything on this host was renamed or mounted meanwhile, for
    the kernel cannot tell whether that led outside: it is tried again. EAGAIN where that does not end; EXDEV means that
    the path would have left ``dir_fd``.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    for _ in range(_TRIES):
        fd = syscall(
            _NR_openat2, ctypes.c_int(dir_fd), encoded(path), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
        )
        if fd >= 0:
            return fd
        if last_errno() != errno.EAGAIN:
            break
    raise failed("openat2", path, hex(flags), hex(resolve))


def made_inside(root_fd: int, path: str, *, is_directory: bool) -> int:
    """A descriptor (O_PATH) of ``path`` as if ``root_fd`` were the root directory; what is not there of it is made, empty.

    Symbolic links are followed, inside; one that leads to nothing is EEXIST, or ENOENT on the way. The last part is a file
    unless ``is_directory``. The caller closes it.
    """
    try:
        return openat2(root_fd, path, os.O_PATH)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise
    *above, name = (part for part in path.split("/") if part)
    at, parent = "", os.dup(root_fd)
    try:
        for each in above:
            at = f"{at}/{each}"
            try:
                os.mkdir(each, 0o755, dir_fd=parent)
            except FileExistsError:
                pass  # a folder, or a symbolic link: the next step shows whether that leads to one
            try:
                below = openat2(root_fd, at, os.O_PATH | os.O_DIRECTORY)
            except KernelError as error:
                hint = {errno.ENOENT: _DANGLING, errno.ENOTDIR: "a file is in the way"}.get(error.errno or 0, "")
                raise KernelError("openat2", error.errno or 0, (at,), hint) from error
            os.close(parent)
            parent = below
        try:
            if is_directory:
                os.mkdir(name, 0o755, dir_fd=parent)
            else:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=parent))
        except OSError as error:
            call, hint = "mkdir" if is_directory else "open", _DANGLING if error.errno == errno.EEXIST else ""
            raise KernelError(call, error.errno or 0, (path,), hint) from error
    finally:
        os.close(parent)
    return openat2(root_fd, path, os.O_PATH)


def syncfs(fd: int) -> None:
    """Wait until everything written to the file system that ``fd`` is on has reached its disk. Holds the interpreter."""
    if _syncfs(fd):
        raise failed("syncfs", fd)


def file_system(fd: int) -> int:
    """``f_type`` of the file system that ``fd`` is on, which may be an O_PATH descriptor (Linux 3.12)."""
    buffer = ctypes.create_string_buffer(_STATFS_BYTES)
    if _fstatfs(fd, buffer):
        raise failed("fstatfs", fd)
    return int(ctypes.c_ulong.from_buffer(buffer).value & 0xFFFFFFFF)
