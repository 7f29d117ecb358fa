"""Jobs that run several times, and parts of a matrix for several hosts: pure.

The first repetition of a job keeps its id, the others add ``#2``, ``#3``, ...: ``unit/alpine-3.19[opt=O2]#3``. An id never
ends so otherwise: the name of a distro has no ``#``, and what is in brackets ends with one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # half of what a command takes that only asks for the id of a job
    from farm.model.job import Job
    from farm.model.rules import Shard

_REPETITION = re.compile(r"(?P<first>.*[\]a-z0-9._-])#[0-9]+", re.DOTALL)


def first_id(job_id: str) -> str:
    """The id of the first repetition of ``job_id``."""
    if "#" not in job_id:
        return job_id
    found = _REPETITION.fullmatch(job_id)
    return found["first"] if found else job_id


def repeated(jobs: Sequence[Job], times: int) -> tuple[Job, ...]:
    """Each of ``jobs`` ``times`` over, all of them once before any a second time; each needs those of its own repetition."""
    found = list(jobs)
    for number in range(2, times + 1):
        ending = f"#{number}"
        found.extend(replace(job, id=job.id + ending, needs=tuple(need + ending for need in job.needs)) for job in jobs)
    return tuple(found)


def part(jobs: Sequence[Job], shard: Shard) -> tuple[Job, ...]:
    """Those of ``jobs`` that are for one of several hosts, in their order.

    All parts together are all jobs, each in one; their sizes differ by one at most. It goes by the ids alone, dealt out in
    the order of their digests: hosts that have the same jobs agree without having the same history.
    """
    order = sorted(jobs, key=lambda job: hashlib.sha256(job.id.encode("utf-8", "surrogatepass")).digest())
    dealt = {job.id for job in order[shard.index :: shard.total]}
    return tuple(job for job in jobs if job.id in dealt)
