"""What of the host a run may use at once, and what a job takes of it.

A quota is a cap and seldom used up, so caps may add up to more than the host has:

- cpu: ``CPU_OVERCOMMIT`` times the cores. A short job mostly waits for its own set-up, its neighbours fill that time;
  measured, a host is fastest at four to eight such jobs a core. ``-j`` lifts it: then only slots and memory count.
- memory: ``MEMORY_OVERCOMMIT`` times what is available, but a single job never more than what is available. Under ``-j``
  it is ``MEMORY_OVERCOMMIT_ASKED``: whoever names a number has an idea of what the jobs need, and the default cap of
  512 MiB is far beyond the megabyte of a small one. 300 of those fit a host with 10 GiB available.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from farm.model.job import Job
from farm.model.limits import Limits
from farm.units import format_bytes

SLOTS_PER_CORE = 8
CPU_OVERCOMMIT = 8.0
MEMORY_OVERCOMMIT = 4.0
MEMORY_OVERCOMMIT_ASKED = 16.0


@dataclass(frozen=True, slots=True)
class Reserve:
    """What of the host is not for jobs: cores' worth of time, and memory."""

    cpus: float = 0.0
    memory_bytes: int = 0


NO_RESERVE = Reserve()


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be taken at once: jobs, cores' worth of time (infinite under ``-j``), bytes of all jobs and of one."""

    slots: int
    cpus: float
    memory_bytes: int
    largest_job_bytes: int
    cores: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What one job takes while it runs; jobs of equal demand are interchangeable for the budget."""

    cpus: float
    memory_bytes: int


def budget(
    cores: int,
    available_bytes: int,
    slots: int | None = None,
    *,
    cpu_overcommit: float | None = None,
    memory_overcommit: float | None = None,
    reserve: Reserve = NO_RESERVE,
) -> Budget:
    """The budget of a host with ``cores`` and ``available_bytes`` of memory; ``slots`` is what ``-j`` says.

    A factor that is given holds under ``-j`` too; None is what the module says. Both multiply what ``reserve`` leaves, which
    is a hundredth of a core and a byte at least.
    """
    cores = max(1, cores)
    left = max(0.01, cores - reserve.cpus)
    available_bytes = max(1, available_bytes - reserve.memory_bytes)
    if cpu_overcommit is None:
        cpu_overcommit = math.inf if slots else CPU_OVERCOMMIT
    if memory_overcommit is None:
        memory_overcommit = MEMORY_OVERCOMMIT_ASKED if slots else MEMORY_OVERCOMMIT
    return Budget(
        slots=slots or max(1, math.floor(SLOTS_PER_CORE * left)),
        cpus=cpu_overcommit * left,
        memory_bytes=int(available_bytes * memory_overcommit),
        largest_job_bytes=available_bytes,
        cores=cores,
    )


def demand(limits: Limits, given: Budget) -> Demand:
    """What a job with ``limits`` takes; a cpu quota beyond the cores is no more than all of them."""
    return Demand(min(limits.cpus, float(given.cores)), limits.memory_bytes + limits.swap_bytes)


def demand_of(job: Job, given: Budget) -> Demand:
    """What ``job`` takes with its services, which run beside it."""
    if not job.services:
        return demand(job.limits, given)
    each = [demand(limits, given) for limits in (job.limits, *(service.limits for service in job.services))]
    return Demand(min(sum(one.cpus for one in each), float(given.cores)), sum(one.memory_bytes for one in each))


def never_fits(wanted: Demand, given: Budget) -> str:
    """Why a job with this demand cannot run on this host even alone, with the numbers; empty where it can."""
    if wanted.memory_bytes > given.largest_job_bytes:
        asked, available = format_bytes(wanted.memory_bytes), format_bytes(given.largest_job_bytes)
        return f"asks for {asked} of memory, and this host has {available} available"
    return ""


def fits(wanted: Demand, given: Budget, running: int, cpus: float, memory_bytes: int) -> bool:
    """Whether one more job fits beside ``running`` jobs that take ``cpus`` and ``memory_bytes``.

    Alone every job fits that is not refused by ``never_fits``, so that a run always ends.
    """
    if running == 0:
        return True
    # A hair of slack: sums of quotas such as 0.1 are not exact.
    return (
        running < given.slots
        and cpus + wanted.cpus <= given.cpus + 1e-6
        and memory_bytes + wanted.memory_bytes <= given.memory_bytes
    )


def held_to(jobs: Iterable[Job], given: Budget) -> int:
    """How many of ``jobs`` run at once where it is memory that allows no more; 0 where it is not."""
    left_bytes = given.memory_bytes
    for count, job in enumerate(jobs):
        if count == given.slots:
            return 0
        left_bytes -= demand_of(job, given).memory_bytes
        if left_bytes < 0:
            return max(1, count)
    return 0


def memory_held(given: Budget) -> str:
    """The sentence for ``held_to``, with the numbers."""
    limit, available = format_bytes(given.memory_bytes), format_bytes(given.largest_job_bytes)
    return f"their memory limits may add up to {limit}, and {available} are available"
