"""The folder of a run in one hierarchy: made, owned by a lock, removed; and the removal of those whose owner is dead.

The lock is flock(LOCK_EX) on the directory itself. It goes with its owner, however that ends, so a folder whose lock
can be taken belongs to nobody. Between making a folder and locking it somebody may have found it unlocked and removed
it: after locking, the owner looks whether the path still is what it has locked, and otherwise starts over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from farm.cgroup import files, members
from farm.errors import KernelError
from farm.values import dataclass

_MOST_TRIES = 100
_POLL_S = 0.002


def group_name(number: int) -> str:
    """Name of the folder of the group with that number."""
    return f"g{number}"


def is_group_name(name: str) -> bool:
    """``name`` is one that ``group_name`` gives."""
    return name[:1] == "g" and name[1:].isdecimal()


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder this process owns, until ``close_all``. A fork that keeps ``lock_fd`` (close-on-exec) keeps the lock."""

    path: str
    lock_fd: int


def own(parent: str, run: str) -> RunFolder:
    """Make the folder ``run`` in ``parent``, and ``parent`` if need be, and lock it; the caller closes what it gets.

    Raises ``KernelError``: EEXIST where a live process owns a folder of that name.
    """
    path = f"{parent}/{run}"
    for _ in range(_MOST_TRIES):
        _mkdir_if_missing(parent)
        try:
            _mkdir_if_missing(path)
        except KernelError as error:
            if error.errno == errno.ENOENT:  # somebody found the parent empty and removed it
                continue
            raise
        fd = _lock(path)
        if fd >= 0:
            return RunFolder(path, fd)
        time.sleep(_POLL_S)  # a sweeper holds the lock of what it is about to remove, for a moment
    raise KernelError("flock", errno.EEXIST, (path,), "another farm on this host uses this run id")


def close_all(folders: tuple[RunFolder, ...], *, timeout_s: float = 2.0) -> None:
    """Kill and remove everything in ``folders`` and them, and give up their locks in any case.

    Raises ``KernelError`` (EBUSY) naming what is left after ``timeout_s`` for all of them together.
    """
    deadline_s = time.monotonic() + timeout_s
    left = []
    for folder in folders:
        if not remove_tree(folder.path, deadline_s=deadline_s):
            left.append(folder.path)
        os.close(folder.lock_fd)
        files.rmdir(os.path.dirname(folder.path))  # refused while another run is in there
    if left:
        raise KernelError(
            "rmdir", errno.EBUSY, tuple(left), "processes in them do not end: see cgroup.procs below them"
        )


def sweep(parent: str, *, deadline_s: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remove the folders in ``parent`` that nobody owns, then ``parent`` if it is empty; ``(removed, kept)`` paths.

    ``kept`` are those of dead owners that could not be emptied by ``deadline_s``, a time of ``time.monotonic``.
    """
    removed: list[str] = []
    kept: list[str] = []
    for path in filter(_looks_ours, files.subgroups(parent)):
        fd = _lock(path)
        if fd < 0:
            continue
        try:
            (removed if remove_tree(path, deadline_s=deadline_s) else kept).append(path)
        finally:
            os.close(fd)
    files.rmdir(parent)
    return tuple(removed), tuple(kept)


def dead(parent: str) -> tuple[str, ...]:
    """The folders in ``parent`` that ``sweep`` would remove at this moment. Nothing is removed."""
    found: list[str] = []
    for path in filter(_looks_ours, files.subgroups(parent)):
        fd = _lock(path)
        if fd >= 0:
            os.close(fd)
            found.append(path)
    return tuple(found)


def remove_tree(path: str, *, deadline_s: float) -> bool:
    """Kill every process in the group at ``path`` and below, and remove the groups, deepest first: True when gone.

    Looks at least once, then again until ``deadline_s`` (of ``time.monotonic``), because a process is only gone some
    milliseconds after its SIGKILL, and its group only after that.
    """
    while True:
        if _try_remove(path):
            return True
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(_POLL_S)


def _try_remove(path: str) -> bool:
    if files.rmdir(path):
        return True
    for below in files.subgroups(path):
        _try_remove(below)
    members.end(path)
    return files.rmdir(path)


def _looks_ours(path: str) -> bool:
    """A run's folder holds groups of containers and no process of its own: any other was made by somebody else."""
    return not members.own_pids(path) and all(is_group_name(os.path.basename(below)) for below in files.subgroups(path))


def _mkdir_if_missing(path: str) -> None:
    try:
        files.mkdir(path)
    except KernelError as error:
        if error.errno != errno.EEXIST:
            raise


def _lock(path: str) -> int:
    """A locked descriptor of ``path``, or -1 where somebody else holds it or the path is no longer what was locked."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(fd), os.stat(path)):
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return -1
