"""Named network namespaces: ones that live without a process in them, and go when whoever made them is done or dead.

On disk::

    /run/farm/netns/
      <name>/               the maker holds flock(LOCK_EX) on this folder for as long as it lives
        net                 the namespace: nsfs mounted on an empty file, as ip-netns(8) does it

Each namespace has a folder of its own because pyroute2, as ip-netns, makes the folder it puts one in a shared mount:
on ``/run/netns`` that mount would have to stay for ever, on a folder of our own it goes with the namespace.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pyroute2 import netns

from farm.errors import KernelError
from farm.kernel import mount

DIRECTORY = "/run/farm/netns"
_NET = "net"


@contextmanager
def network_namespace(name: str, directory: str = DIRECTORY) -> Iterator[str]:
    """A new network namespace for the time of the ``with`` block; the value is the path to open it by.

    ``name`` is one path component; ``KernelError`` (EEXIST) where a live process uses it, and what a dead one left under
    it is removed first. Needs CAP_SYS_ADMIN (EPERM). Its loopback is down, as the kernel makes it.
    """
    if not name or "/" in name or name.startswith("."):
        raise ValueError(f"not a name for a network namespace: {name!r}")
    folder = os.path.join(directory, name)
    lock_fd = _locked(folder)
    try:
        _clear(folder)
        path = os.path.join(folder, _NET)
        _create(path)
        yield path
    finally:
        try:
            _remove(folder)
        finally:
            os.close(lock_fd)


def remove_dead(directory: str = DIRECTORY) -> tuple[str, ...]:
    """Remove the namespaces whose maker is dead; the names of those removed. Those of live makers are left alone."""
    removed = []
    for name in names(directory):
        folder = os.path.join(directory, name)
        try:
            lock_fd = _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # its maker lives, or was quicker than we
        try:
            _remove(folder)
        finally:
            os.close(lock_fd)
        removed.append(name)
    return tuple(removed)


def dead(directory: str = DIRECTORY) -> tuple[str, ...]:
    """The names of the namespaces that ``remove_dead`` would remove at this moment. Nothing is removed."""
    found = []
    for name in names(directory):
        try:
            os.close(_lock(os.path.join(directory, name)))
        except (BlockingIOError, FileNotFoundError):
            continue  # its maker lives, or was quicker than we
        found.append(name)
    return tuple(found)


def names(directory: str = DIRECTORY) -> tuple[str, ...]:
    """The namespaces that are there, those of dead makers included, in order."""
    try:
        return tuple(sorted(os.listdir(directory)))
    except FileNotFoundError:
        return ()


def _create(path: str) -> None:
    try:
        netns.create(path)
    except OSError as error:
        raise KernelError(
            "unshare", error.errno or errno.EPERM, ("CLONE_NEWNET", path), "needs CAP_SYS_ADMIN"
        ) from error


def _locked(folder: str) -> int:
    """The folder, made and locked by this process; the caller owns the descriptor."""
    while True:
        try:
            os.makedirs(folder, mode=0o755, exist_ok=True)
            return _lock(folder)
        except FileNotFoundError:
            continue  # somebody removed it after it was made, before it was locked: it was dead then
        except BlockingIOError as error:
            raise KernelError("flock", errno.EEXIST, (folder,), "a live process uses this network namespace") from error
        except OSError as error:
            raise KernelError("mkdir", error.errno or 0, (folder,)) from error


def _lock(folder: str) -> int:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A folder that was removed while we waited is not the one that others will look at.
        if os.fstat(fd).st_ino != os.stat(folder).st_ino:
            raise FileNotFoundError(folder)
    except OSError:
        os.close(fd)
        raise
    return fd


def _remove(folder: str) -> None:
    _clear(folder)
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        pass


def _clear(folder: str) -> None:
    """Take the namespace and the mount below it away; nothing happens where there is none."""
    path = os.path.join(folder, _NET)
    _unmount(path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    _unmount(folder)
    # Below the mount lies the folder itself, which never held more than the same empty file.
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _unmount(path: str) -> None:
    try:
        mount.umount2(path, mount.MNT_DETACH)
    except KernelError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):  # not a mount point; not there
            raise
