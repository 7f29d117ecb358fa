"""In which order jobs that could all start do: pure.

The higher ``priority`` is first; then, where that is asked for, what failed last time; then what is expected to take
longest, itself and the longest chain of jobs that need it, for a long job that starts last is what everybody waits for.
Expectations count in powers of two: among jobs of about the same length it goes round between the distros. A shuffled
order has no expectations and no rounds. Jobs of which nothing is known are expected to take what their test's others do.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from farm.model.job import Job
from farm.schedule.needs import dependents, topological
from farm.schedule.repeat import first_id

_SHORTEST_S = 2.0**-10


def ranks(
    jobs: Sequence[Job],
    expected_s: Mapping[str, float],
    *,
    failed: Collection[str] = (),
    seed: int | None = None,
) -> list[int]:
    """For each of ``jobs`` its place in the order, from 0. ``expected_s`` and ``failed`` are by id; ``seed`` shuffles."""
    first = [(-job.priority, first_id(job.id) not in failed) for job in jobs]
    indices = range(len(jobs))
    if seed is not None:
        dice = random.Random(seed)
        thrown = [dice.random() for _ in indices]
        order = sorted(indices, key=lambda index: (*first[index], thrown[index]))
    else:
        until_end = chains_s(jobs, durations_s(jobs, expected_s))
        sizes = [-math.floor(math.log2(max(each, _SHORTEST_S))) for each in until_end]
        turns = [0] * len(jobs)
        counts: dict[tuple[object, ...], int] = defaultdict(int)
        for index in sorted(indices, key=lambda index: (-until_end[index], index)):
            key = (*first[index], sizes[index], jobs[index].distro)
            turns[index] = counts[key]
            counts[key] += 1
        order = sorted(indices, key=lambda index: (*first[index], sizes[index], turns[index], index))
    found = [0] * len(jobs)
    for rank, index in enumerate(order):
        found[index] = rank
    return found


def listing(jobs: Sequence[Job], ranked: Sequence[int]) -> tuple[Job, ...]:
    """``jobs`` in the order in which they would start one by one; those in circles of needs are left out."""
    indices = {job.id: index for index, job in enumerate(jobs)}
    needing = dependents(jobs, indices)
    left = [sum(need in indices for need in dict.fromkeys(job.needs)) for job in jobs]
    ready = [(ranked[index], index) for index, count in enumerate(left) if count == 0]
    heapq.heapify(ready)
    found = []
    while ready:
        _, index = heapq.heappop(ready)
        found.append(jobs[index])
        for each in needing.get(index, ()):
            left[each] -= 1
            if left[each] == 0:
                heapq.heappush(ready, (ranked[each], each))
    return tuple(found)


def durations_s(jobs: Sequence[Job], expected_s: Mapping[str, float]) -> list[float]:
    """What each of ``jobs`` is expected to take; one second each where nothing is known of any."""
    known = [expected_s.get(first_id(job.id)) for job in jobs]
    tests: dict[str, list[float]] = {}
    for job, each in zip(jobs, known, strict=True):
        if each is not None:
            tests.setdefault(job.test, []).append(each)
    means = {test: sum(each) / len(each) for test, each in tests.items()}
    usual = sum(means.values()) / len(means) if means else 1.0
    return [means.get(job.test, usual) if each is None else each for job, each in zip(jobs, known, strict=True)]


def chains_s(jobs: Sequence[Job], took_s: Sequence[float]) -> list[float]:
    """For each job how long it takes until it and the longest chain of jobs that need it are over."""
    indices = {job.id: index for index, job in enumerate(jobs)}
    needing = dependents(jobs, indices)
    found = list(took_s)
    for index in reversed(topological(jobs, indices, needing)):
        found[index] += max((found[each] for each in needing.get(index, ())), default=0.0)
    return found
