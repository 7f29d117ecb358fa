"""Loop devices: a file as a block device that goes when its last user does; see loop(4)."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from farm.errors import KernelError

LOOP_CONFIGURE = 0x4C0A
LOOP_CTL_GET_FREE = 0x4C82
LO_FLAGS_AUTOCLEAR = 0x4
LO_FLAGS_DIRECT_IO = 0x10

_CONTROL = "/dev/loop-control"
_CONFIG = struct.Struct("=II 5Q 4I 64s 64s 32s 2Q 8Q")  # struct loop_config with its struct loop_info64
_ATTEMPTS = 256


def attach(backing_fd: int, *, block_bytes: int = 4096) -> int:
    """A descriptor of a loop device over the file ``backing_fd``, both of which the caller owns (Linux 5.8).

    The device frees itself when the last descriptor and the last mount of it are gone, so that even SIGKILL leaves none. It
    bypasses the page cache of the file where the file system allows that: what is written is cached once, not twice.
    ENOENT means that this kernel or this container has no loop devices.
    """
    try:
        control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError("open", error.errno or 0, (_CONTROL,), "modprobe loop") from error
    try:
        for _ in range(_ATTEMPTS):
            device = _configured(_free(control), backing_fd, block_bytes)
            if device >= 0:
                return device
        raise KernelError("ioctl LOOP_CONFIGURE", errno.EBUSY, (), "others keep taking the free loop devices")
    finally:
        os.close(control)


def _free(control: int) -> int:
    try:
        return fcntl.ioctl(control, LOOP_CTL_GET_FREE)
    except OSError as error:
        raise KernelError("ioctl LOOP_CTL_GET_FREE", error.errno or 0, (_CONTROL,)) from error


def _configured(number: int, backing_fd: int, block_bytes: int) -> int:
    """The device ``number`` over ``backing_fd``; -1 where somebody else took it since it was found free."""
    path = f"/dev/loop{number}"
    device = -1
    flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO
    config = _CONFIG.pack(backing_fd, block_bytes, *(0,) * 8, flags, b"farm", b"", b"", *(0,) * 10)
    try:
        device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(device, LOOP_CONFIGURE, config)
    except OSError as error:
        if device >= 0:
            os.close(device)
        if error.errno == errno.EBUSY:
            return -1
        raise KernelError("ioctl LOOP_CONFIGURE", error.errno or 0, (path,)) from error
    return device
