"""What of the host a run may use at once, and what a job takes of it.

A quota is a cap and seldom used up, so caps may add up to more than the host has:

- cpu: ``CPU_OVERCOMMIT`` times the cores. A short job mostly waits for its own set-up, its neighbours fill that time;
  measured, a host is fastest at four to eight such jobs a core. ``-j`` lifts it: then only slots and memory count. A job counts
  with what it asks for, also beyond the cores, and a single one may ask for as much as all together, ``-j`` or not.
- memory: ``MEMORY_OVERCOMMIT`` times what is available, but a single job never more than what is available. Under ``-j``
  it is ``MEMORY_OVERCOMMIT_ASKED``: whoever names a number has an idea of what the jobs need, and the default cap of
  512 MiB is far beyond the megabyte of a small one. 300 of those fit a host with 10 GiB available.
- disk and pids bound a single job only: a disk is a sparse file, and takes what is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from farm.model.job import Job
from farm.model.limits import Limits
from farm.units import format_bytes
from farm.values import dataclass

SLOTS_PER_CORE = 8
CPU_OVERCOMMIT = 8.0
MEMORY_OVERCOMMIT = 4.0
MEMORY_OVERCOMMIT_ASKED = 16.0

_HAIR = 1e-6  # of slack: sums of quotas such as 0.1 are not exact


@dataclass(frozen=True, slots=True)
class Reserve:
    """What of the host is not for jobs: cores' worth of time, and memory."""

    cpus: float = 0.0
    memory_bytes: int = 0


NO_RESERVE = Reserve()


@dataclass(frozen=True, slots=True)
class Room:
    """What else of the host one job can have at most: bytes of disk, and pids; infinite where nobody says."""

    disk_bytes: float = math.inf
    pids: float = math.inf


ANY_ROOM = Room()


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be taken at once: jobs, cores' worth of time (infinite under ``-j``), bytes of all jobs and of one.

    ``largest_job_cpus``, ``cpu_overcommit`` times what is left of ``cores``, and ``room`` are of one job as well.
    """

    slots: int
    cpus: float
    memory_bytes: int
    largest_job_bytes: int
    cores: int
    largest_job_cpus: float = math.inf
    cpu_overcommit: float = CPU_OVERCOMMIT
    room: Room = ANY_ROOM


@dataclass(frozen=True, slots=True)
class Demand:
    """What one job takes while it runs; jobs of equal demand are interchangeable for the budget."""

    cpus: float
    memory_bytes: int
    disk_bytes: int = 0
    pids: int = 0


def budget(
    cores: int,
    available_bytes: int,
    slots: int | None = None,
    *,
    cpu_overcommit: float | None = None,
    memory_overcommit: float | None = None,
    reserve: Reserve = NO_RESERVE,
    room: Room = ANY_ROOM,
) -> Budget:
    """The budget of a host with ``cores`` and ``available_bytes`` of memory; ``slots`` is what ``-j`` says.

    A factor that is given holds under ``-j`` too; None is what the module says. Both multiply what ``reserve`` leaves, which
    is a hundredth of a core and a byte at least.
    """
    cores = max(1, cores)
    left = max(0.01, cores - reserve.cpus)
    available_bytes = max(1, available_bytes - reserve.memory_bytes)
    lifted = cpu_overcommit is None and bool(slots)
    if cpu_overcommit is None:
        cpu_overcommit = CPU_OVERCOMMIT
    if memory_overcommit is None:
        memory_overcommit = MEMORY_OVERCOMMIT_ASKED if slots else MEMORY_OVERCOMMIT
    return Budget(
        slots=slots or max(1, math.floor(SLOTS_PER_CORE * left)),
        cpus=math.inf if lifted else cpu_overcommit * left,
        memory_bytes=int(available_bytes * memory_overcommit),
        largest_job_bytes=available_bytes,
        cores=cores,
        largest_job_cpus=max(1.0, cpu_overcommit) * left,
        cpu_overcommit=max(1.0, cpu_overcommit),
        room=room,
    )


def demand(limits: Limits) -> Demand:
    """What a job with ``limits`` takes."""
    return Demand(limits.cpus, limits.memory_bytes + limits.swap_bytes, limits.disk_bytes or 0, limits.pids)


def demand_of(job: Job) -> Demand:
    """What ``job`` takes with its services, which run beside it."""
    if not job.services:
        return demand(job.limits)
    each = [demand(limits) for limits in (job.limits, *(service.limits for service in job.services))]
    return Demand(
        sum(one.cpus for one in each),
        sum(one.memory_bytes for one in each),
        sum(one.disk_bytes for one in each),
        sum(one.pids for one in each),
    )


def never_fits(wanted: Demand, given: Budget) -> str:
    """Why a job with this demand cannot run on this host even alone, with the numbers; empty where it can."""
    reasons = []
    if wanted.memory_bytes > given.largest_job_bytes:
        asked, available = format_bytes(wanted.memory_bytes), format_bytes(given.largest_job_bytes)
        reasons.append(f"asks for {asked} of memory, and this host has {available} available")
    if wanted.cpus > given.largest_job_cpus + _HAIR:
        cores = "1 core" if given.cores == 1 else f"{given.cores} cores"
        made = f"--overcommit-cpu {given.cpu_overcommit:g} makes {given.largest_job_cpus:g}"
        left = given.largest_job_cpus / given.cpu_overcommit
        reserved = f", {left:g} of them not reserved" if left < given.cores else ""
        reasons.append(f"asks for {wanted.cpus:g} cpus, and this host has {cores}{reserved}: {made}")
    if wanted.disk_bytes > given.room.disk_bytes:
        asked, free = format_bytes(wanted.disk_bytes), format_bytes(int(given.room.disk_bytes))
        reasons.append(f"asks for a disk of {asked}, and the file system of the farm's folder has {free} free")
    if wanted.pids > given.room.pids:
        reasons.append(f"asks for {wanted.pids} pids, and the kernel has {given.room.pids:g} (kernel.pid_max)")
    return "; ".join(reasons)


def fits(wanted: Demand, given: Budget, running: int, cpus: float, memory_bytes: int) -> bool:
    """Whether one more job fits beside ``running`` jobs that take ``cpus`` and ``memory_bytes``.

    Alone every job fits that is not refused by ``never_fits``, so that a run always ends.
    """
    if running == 0:
        return True
    return (
        running < given.slots
        and cpus + wanted.cpus <= given.cpus + _HAIR
        and memory_bytes + wanted.memory_bytes <= given.memory_bytes
    )


def held_to(jobs: Iterable[Job], given: Budget) -> int:
    """How many of ``jobs``, but those that never fit, run at once where it is memory that allows no more; 0 where it is not."""
    left_bytes = given.memory_bytes
    fitting = (wanted for wanted in map(demand_of, jobs) if not never_fits(wanted, given))
    for count, wanted in enumerate(fitting):
        if count == given.slots:
            return 0
        left_bytes -= wanted.memory_bytes
        if left_bytes < 0:
            return max(1, count)
    return 0


def memory_held(given: Budget) -> str:
    """The sentence for ``held_to``, with the numbers."""
    limit, available = format_bytes(given.memory_bytes), format_bytes(given.largest_job_bytes)
    return f"their memory limits may add up to {limit}, and {available} are available"
