"""Reading and writing the small files of a control group: open, one call, close; ``kept`` is for what is read often."""

from __future__ import annotations

import errno
import os

from farm.errors import KernelError

_READ_BYTES = 64 << 10


def read(path: str) -> str:
    """The whole file. Raises ``KernelError``: ENOENT where this kernel lacks it, ENODEV where the group is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = part = os.read(fd, _READ_BYTES)
            while len(part) > 4000:  # seq files hand out about a page at a time; a short read was the last
                part = os.read(fd, _READ_BYTES)
                data += part
        finally:
            os.close(fd)
    except OSError as error:
        raise KernelError("read", error.errno or 0, (path,)) from error
    return data.decode()


def write(path: str, value: str) -> None:
    """Write ``value`` in one call, as these files want it. Raises ``KernelError`` with the path and the value."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise KernelError("write", error.errno or 0, (path, value), _hint(error.errno)) from error


def mkdir(path: str) -> None:
    """Make a group. Raises ``KernelError``."""
    try:
        os.mkdir(path, 0o755)
    except OSError as error:
        raise KernelError("mkdir", error.errno or 0, (path,), _hint(error.errno)) from error


def rmdir(path: str) -> bool:
    """Remove a group: True when it is gone, False while the kernel still holds it (EBUSY, ENOTEMPTY).

    EBUSY lasts up to some 15 ms after the last process has ended.
    """
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return True
        if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        raise KernelError("rmdir", error.errno or 0, (path,), _hint(error.errno)) from error
    return True


def subgroups(path: str) -> tuple[str, ...]:
    """Paths of the groups directly below ``path``; none where it is gone."""
    try:
        with os.scandir(path) as entries:
            return tuple(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return ()


def _hint(number: int | None) -> str:
    if number == errno.EROFS:
        return "the cgroup file system is read-only here, as in an unprivileged container: run on the host itself"
    if number in (errno.EACCES, errno.EPERM):
        return "needs root"
    if number == errno.ENOSPC:
        return "the kernel has no room for more groups: see /proc/cgroups and cgroup.max.descendants"
    return ""
