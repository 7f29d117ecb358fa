"""Jobs that could start but for room: in order, and without those that what runs already shuts out.

Jobs of equal demand, test and group stand in one lane, a heap by rank. A lane is open where its test may have one more job
(``max_parallel``) and its group has none (``group``). For each demand there is a sorted list of open lanes by their best
rank, and above these one sorted list of demands: whoever looks for a job that fits goes through demands, not through jobs.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from farm.model.job import Job
from farm.schedule.policy import Demand
from farm.schedule.standing import Why


class _Lane:
    """Waiting jobs as (rank, index); ``listed`` is the rank under which it stands in its demand's list, None: not there."""

    __slots__ = ("demand", "group", "heap", "listed", "test")

    def __init__(self, demand: Demand, test: str, group: str) -> None:
        self.demand = demand
        self.test = test
        self.group = group
        self.heap: list[tuple[int, int]] = []
        self.listed: int | None = None


class Queues:
    """Which of the jobs, given by their index, come next; ranks are unique, the lowest is first."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._most: dict[str, int] = {}
        groups: dict[str, int] = {}
        for job in jobs:
            if job.max_parallel:
                self._most[job.test] = min(job.max_parallel, self._most.get(job.test, job.max_parallel))
            if job.group:
                groups[job.group] = groups.get(job.group, 0) + 1
        # A group of one shuts nobody out, and would cost a lane.
        self._groups = frozenset(name for name, count in groups.items() if count > 1)
        self._lanes: dict[tuple[Demand, str, str], _Lane] = {}
        self._of_test: dict[str, list[_Lane]] = {}
        self._of_group: dict[str, list[_Lane]] = {}
        self._open: dict[Demand, list[tuple[int, _Lane]]] = {}
        self._heads: list[tuple[int, Demand]] = []
        self._running: dict[str, int] = {}
        self._busy: set[str] = set()

    def push(self, index: int, rank: int, job: Job, demand: Demand) -> None:
        """``job`` waits from now on."""
        lane = self._lane(demand, job.test, job.group if job.group in self._groups else "")
        heapq.heappush(lane.heap, (rank, index))
        self._list(lane)

    def __len__(self) -> int:
        """How many jobs wait, those that are shut out included."""
        return sum(len(lane.heap) for lane in self._lanes.values())

    def heads(self) -> Iterator[tuple[int, Demand]]:
        """The best rank of each demand that has a job which nothing shuts out, the best first."""
        return iter(self._heads)

    def waiting(self) -> Iterator[tuple[Demand, int, Why | None]]:
        """How many jobs of which demand wait, and what shuts them out, None where nothing does; goes through all lanes."""
        for lane in self._lanes.values():
            if lane.heap:
                shut = Why.MAX_PARALLEL if self._is_full(lane) else Why.GROUP if lane.group in self._busy else None
                yield lane.demand, len(lane.heap), shut

    def pop(self, demand: Demand) -> int:
        """Take out the best job of ``demand``, which runs from now on."""
        _, lane = self._open[demand][0]
        _, index = heapq.heappop(lane.heap)
        self._running[lane.test] = self._running.get(lane.test, 0) + 1
        if lane.group:
            self._busy.add(lane.group)
        self._relist(lane)
        return index

    def ended(self, job: Job, demand: Demand) -> None:
        """``job``, which was taken out, runs no more."""
        self._running[job.test] -= 1
        self._busy.discard(job.group)
        self._relist(self._lane(demand, job.test, job.group if job.group in self._groups else ""))

    def drop(self, test: str | None = None) -> list[int]:
        """Take out all that wait, or all of ``test``; in no order."""
        lanes = list(self._lanes.values()) if test is None else self._of_test.get(test, [])
        dropped = [index for lane in lanes for _, index in lane.heap]
        for lane in lanes:
            lane.heap.clear()
            self._list(lane)
        return dropped

    def _lane(self, demand: Demand, test: str, group: str) -> _Lane:
        lane = self._lanes.get((demand, test, group))
        if lane is None:
            lane = self._lanes[demand, test, group] = _Lane(demand, test, group)
            self._of_test.setdefault(test, []).append(lane)
            if group:
                self._of_group.setdefault(group, []).append(lane)
        return lane

    def _relist(self, lane: _Lane) -> None:
        """A job of ``lane`` started or ended: others may be shut out now, or no longer."""
        self._list(lane)
        if lane.test in self._most:
            for each in self._of_test[lane.test]:
                self._list(each)
        for each in self._of_group.get(lane.group, ()):
            self._list(each)

    def _is_open(self, lane: _Lane) -> bool:
        return not self._is_full(lane) and lane.group not in self._busy

    def _is_full(self, lane: _Lane) -> bool:
        most = self._most.get(lane.test)
        return most is not None and self._running.get(lane.test, 0) >= most

    def _list(self, lane: _Lane) -> None:
        """Bring the two lists up to date with ``lane``."""
        wanted = lane.heap[0][0] if lane.heap and self._is_open(lane) else None
        if wanted == lane.listed:
            return
        lanes = self._open.setdefault(lane.demand, [])
        before = lanes[0][0] if lanes else None
        if lane.listed is not None:
            del lanes[bisect_left(lanes, lane.listed, key=_rank)]
        if wanted is not None:
            insort(lanes, (wanted, lane), key=_rank)
        lane.listed = wanted
        after = lanes[0][0] if lanes else None
        if after == before:
            return
        if before is not None:
            del self._heads[bisect_left(self._heads, before, key=_rank)]
        if after is not None:
            insort(self._heads, (after, lane.demand), key=_rank)


def _rank(entry: tuple[int, object]) -> int:
    return entry[0]
