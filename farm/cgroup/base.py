"""What the rest of the farm knows of control groups: a manager of one run, and the groups it lends out.

One container has one group. A group is lent by ``Manager.acquire``, entered by the container's first process, read and
killed from outside, and handed back with ``Manager.release``. On disk, below the top of every hierarchy in use::

    <hierarchy>/farm/            shared by all runs; removed by whoever finds it empty
                 <run-id>/       one run; its owner holds flock(LOCK_EX) on it for as long as it lives
                   g1/ g2/ ...   one container each, used again where the kernel lets the counters start afresh
"""

from __future__ import annotations

from typing import Protocol

from farm.model.limits import Limits, Usage

LEFTOVER_BYTES = 2 << 20
"""Memory that may stay charged to an empty group that is used again; above it the group is replaced.

What stays is page cache of files the container was first to touch, most of it of the image. It must not be reclaimed
(``memory.force_empty`` would throw the image out of the cache at the end of every container) and it need not be: it
goes under pressure, before anything is killed. It would only spoil the next peak reading.
"""


class Group(Protocol):
    """The control group of one container, in every hierarchy it needs."""

    @property
    def v2_fd(self) -> int:
        """Directory to pass to clone3 with CLONE_INTO_CGROUP, or -1. The group owns it."""
        ...

    def task_files(self) -> tuple[str, ...]:
        """Files that a thread writes "0" to, in this order, to enter; none on v2, where clone3 does it.

        For the only thread of a process, before it does anything else.
        """
        ...

    def view_sources(self) -> tuple[tuple[str, str], ...]:
        """What a container sees below /sys/fs/cgroup on v1, as (source, name there); empty on v2.

        A source is the host's path of this group's directory, to be bound read-only at ``name``. A source that is not
        absolute is the target of a symbolic link of that name (``cpu`` -> ``cpu,cpuacct``).
        """
        ...

    def freeze(self, *, frozen: bool) -> None:
        """Stop every process, or let them go on. Returns at once; the kernel gets there within milliseconds."""
        ...

    def kill(self) -> None:
        """SIGKILL every process, also stopped and frozen ones, and thaw. Returns without waiting for their end."""
        ...

    def usage(self) -> Usage:
        """What was used since ``acquire``; a counter that this host does not have is None."""
        ...

    def memory_bytes(self) -> int | None:
        """What is charged now, as the quota counts it; None where this host does not say."""
        ...

    def pids(self) -> tuple[int, ...]:
        """Processes in this group and in groups made below it, as this process numbers them."""
        ...


class Manager(Protocol):
    """The groups of one run. Used by one thread of one process, which holds the lock on the run's folders."""

    @property
    def mode(self) -> str:
        """``v1``, ``v2`` or ``hybrid``: where the quotas are held."""
        ...

    @property
    def missing(self) -> tuple[str, ...]:
        """What cannot be held or counted on this host: a sentence each, for the doctor and the report."""
        ...

    def acquire(self, limits: Limits) -> Group:
        """An empty group with these limits and its counters at zero. Raises ``KernelError``."""
        ...

    def release(self, group: Group) -> None:
        """Take ``group`` back, for use again or for removal. Never waits: what is still held is left to ``sweep``."""
        ...

    def sweep(self) -> None:
        """Finish what ``release`` had to leave: to be called now and then while anything is released."""
        ...

    def close(self) -> None:
        """Kill what is left in the groups of this run and remove them, waiting up to two seconds. May be called twice.

        Raises ``KernelError`` (EBUSY) naming what could not be removed; a later ``sweep_dead`` will.
        """
        ...
