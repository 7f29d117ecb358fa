"""How well a run used its host: pure."""

from __future__ import annotations

from collections.abc import Sequence

from farm.model.job import Job
from farm.schedule.order import chains_s
from farm.schedule.policy import Budget, demand_of


def ideal_s(jobs: Sequence[Job], took_s: Sequence[float], given: Budget) -> float:
    """The shortest time in which no order could beat what ``jobs`` took within ``given``.

    Nothing is quicker than the longest chain of jobs that need each other, nor than all the work spread evenly over the slots,
    the cpu and the memory of the budget; a job that asks for more than that takes all of it. A real order may not reach it.
    """
    if not jobs:
        return 0.0
    wanted = [demand_of(job) for job in jobs]
    return max(
        *chains_s(jobs, took_s),
        sum(took_s) / given.slots,
        sum(took * min(each.cpus, given.cpus) for took, each in zip(took_s, wanted, strict=True)) / given.cpus,
        sum(took * min(each.memory_bytes, given.memory_bytes) for took, each in zip(took_s, wanted, strict=True))
        / given.memory_bytes,
    )
