"""How much of this host a run may use at once."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace

import psutil

from farm.app.host import descriptors_of, raise_descriptors
from farm.cgroup import detect
from farm.errors import UsageError
from farm.model.job import Job
from farm.model.run import Asked
from farm.schedule import policy
from farm.schedule.policy import Budget, Reserve, Room
from farm.units import format_bytes


def room(asked: Asked, jobs: Sequence[Job], home: str, *, keeps: bool) -> tuple[Budget, tuple[str, ...]]:
    """What may run at once, and what of ``-j`` the host does not allow. Raises ``UsageError`` where nothing is left.

    Disks of jobs take their space in ``home``; ``keeps`` says that containers may be kept when their command has ended.
    """
    cores, available_bytes = len(os.sched_getaffinity(0)), psutil.virtual_memory().available
    if asked.reserve_memory_bytes >= available_bytes or asked.reserve_cpus >= cores:
        left = f"{cores} cpus and {format_bytes(available_bytes)} are available"
        raise UsageError("--reserve leaves nothing for jobs", left, "reserve less")
    given = policy.budget(
        cores,
        available_bytes,
        asked.slots,
        cpu_overcommit=asked.cpu_overcommit,
        memory_overcommit=asked.memory_overcommit,
        reserve=Reserve(asked.reserve_cpus, asked.reserve_memory_bytes),
        room=Room(_free_bytes(home), _pids()),
    )
    v2 = detect.uses_v2()
    most = max((descriptors_of(job, keeps=keeps, v2=v2) for job in jobs), default=1)
    slots = raise_descriptors(min(given.slots, len(jobs)), most)
    notes = []
    if slots < min(given.slots, len(jobs)):
        counted = "one job" if slots == 1 else f"{slots} jobs"
        notes.append(f"at most {counted} at once: the limit of open files allows no more (ulimit -Hn)")
        given = replace(given, slots=slots)
    if asked.slots is not None and (held := policy.held_to(jobs, given)):
        notes.append(f"about {held} jobs at once: {policy.memory_held(given)} (--overcommit-memory)")
    return given, tuple(notes)


def _free_bytes(home: str) -> float:
    """What anybody may still write to the file system of ``home``: what it reserves for root is left to the host."""
    try:
        about = os.statvfs(home)
    except OSError:
        return math.inf
    return about.f_bavail * about.f_frsize


def _pids() -> float:
    try:
        with open("/proc/sys/kernel/pid_max") as file:
            return int(file.read())
    except OSError:
        return math.inf
