"""The processes in a control group: listing them, and killing them without ever hitting a stranger."""

from __future__ import annotations

import errno
import os
import signal

from farm.cgroup import files
from farm.errors import KernelError

_MOST_PASSES = 64


def pids(path: str) -> tuple[int, ...]:
    """Processes in the group at ``path`` and in those below it; empty where it is gone.

    Those that this process's pid namespace does not number are left out.
    """
    found = list(own_pids(path))
    if has_subgroups(path):
        for below in files.subgroups(path):
            found.extend(pids(below))
    return tuple(found)


def own_pids(path: str) -> tuple[int, ...]:
    """Processes in the group at ``path`` itself."""
    try:
        text = files.read(f"{path}/cgroup.procs")
    except KernelError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return ()
        raise
    return tuple(pid for pid in map(int, text.split()) if pid)


def end(path: str) -> None:
    """Kill everything in the group at ``path`` and below by the best means its hierarchy has, and thaw it."""
    if os.path.exists(f"{path}/cgroup.kill"):
        files.write(f"{path}/cgroup.kill", "1")
    else:
        if os.path.exists(f"{path}/pids.max"):
            files.write(f"{path}/pids.max", "0")  # no fork escapes between the look and the kill
        kill_all(path)
    thaw(path)


def thaw(path: str) -> None:
    """Let the processes in the group at ``path`` run on, or die, if it is a group that can be frozen."""
    for name, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
        if os.path.exists(f"{path}/{name}"):
            files.write(f"{path}/{name}", value)


def kill_all(path: str) -> None:
    """SIGKILL every process in the group at ``path`` and below, again until a look finds no new one.

    The caller has seen to it that they cannot fork for ever (pids.max, the freezer). Does not wait for their end. A pid
    read from a file may be another process's by the time it is used, so each is taken hold of first, then looked for in
    the group once more, and only then signalled through its pidfd.
    """
    killed: set[int] = set()
    for _ in range(_MOST_PASSES):
        fresh = set(pids(path)) - killed
        if not fresh:
            return
        held = {pid: fd for pid in fresh if (fd := _pidfd(pid)) >= 0}
        try:
            still = set(pids(path))
            for pid, fd in held.items():
                if pid in still:
                    _signal(fd)
        finally:
            for fd in held.values():
                os.close(fd)
        killed |= fresh


def has_subgroups(path: str | int) -> bool:
    """There are groups below ``path``, or the directory of that descriptor.

    A directory of this file system has two links and one more for each in it.
    """
    try:
        return os.stat(path).st_nlink > 2
    except FileNotFoundError:
        return False


def _pidfd(pid: int) -> int:
    """A descriptor of process ``pid``, or -1 where it has ended. The caller closes it."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL):  # EINVAL: a thread whose group's leader is gone
            return -1
        raise KernelError("pidfd_open", error.errno or 0, (pid,)) from error


def _signal(pidfd: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it ended by itself
