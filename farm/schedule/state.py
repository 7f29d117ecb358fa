"""The scheduler's decisions: an event goes in, commands come out; no clock, no I/O, no tasks.

A job waits for its image (its distro's, or what is prepared from that), then for room, then runs once; each ends with
exactly one ``Finish``, and ``Done`` comes once, after the last. Waiting jobs of equal demand stand in one queue, in matrix
order, so that an event costs as much as there are different demands and not as there are jobs. Small jobs may pass a large
one that does not fit, but only ``PATIENCE`` times: then nothing else starts until the large one has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from farm.model.job import ImageKey, Job
from farm.model.outcome import Outcome
from farm.schedule import policy
from farm.schedule.policy import Budget, Demand

PATIENCE = 64


@dataclass(frozen=True, slots=True)
class ImageReady:
    """The image ``key`` can be used."""

    key: ImageKey


@dataclass(frozen=True, slots=True)
class ImageFailed:
    """The image ``key`` cannot be had; ``reason`` is the sentence its jobs end with."""

    key: ImageKey
    reason: str


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The attempt that ``Start`` asked for has ended."""

    job_id: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Start nothing more, let what runs come to its end."""


@dataclass(frozen=True, slots=True)
class Killed:
    """Start nothing more, end what runs."""


@dataclass(frozen=True, slots=True)
class Start:
    """Make attempt ``number`` of the job; an ``AttemptEnded`` must follow."""

    job_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Kill the running attempt of the job."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The job is over; ``attempted`` says whether it ran at all."""

    job_id: str
    outcome: Outcome
    reason: str
    attempted: bool


@dataclass(frozen=True, slots=True)
class Done:
    """Every job is over."""


Event: TypeAlias = ImageReady | ImageFailed | AttemptEnded | Interrupted | Killed
Command: TypeAlias = Start | Cancel | Finish | Done


@dataclass(frozen=True, slots=True)
class _Waiting:
    order: int
    job_id: str


class Scheduler:
    """The state of one run. The same events in the same order always give the same commands."""

    def __init__(self, jobs: Iterable[Job], given: Budget) -> None:
        self._budget = given
        self._unready: dict[ImageKey, list[tuple[int, Job]]] = {}
        self._queues: dict[Demand, deque[_Waiting]] = {}
        self._running: dict[str, Demand] = {}
        self._cpus = 0.0
        self._memory_bytes = 0
        self._stuck = -1
        self._passed = 0
        self._stopping = False
        self._killed = False
        self._left = 0
        self._done = False
        for order, job in enumerate(jobs):
            self._unready.setdefault(job.image_key, []).append((order, job))
            self._left += 1

    @property
    def running(self) -> int:
        """Jobs that run now."""
        return len(self._running)

    def step(self, event: Event) -> tuple[Command, ...]:
        """What to do because of ``event``. Events that change nothing (a second ``Interrupted``) give no commands."""
        commands: list[Command] = []
        match event:
            case ImageReady(key):
                self._ready(key, commands)
            case ImageFailed(key, reason):
                for _, job in self._unready.pop(key, []):
                    self._finish(job.id, Outcome.ERROR, reason, commands)
            case AttemptEnded(job_id, outcome, reason):
                self._ended(job_id)
                self._finish(job_id, outcome, reason, commands, attempted=True)
            case Interrupted():
                self._stop(commands)
            case Killed():
                self._stop(commands)
                if not self._killed:
                    self._killed = True
                    commands.extend(Cancel(job_id) for job_id in self._running)
        self._fill(commands)
        if self._left == 0 and not self._done:
            self._done = True
            commands.append(Done())
        return tuple(commands)

    def _ready(self, key: ImageKey, commands: list[Command]) -> None:
        for order, job in self._unready.pop(key, []):
            wanted = policy.demand(job.limits, self._budget)
            if reason := policy.never_fits(wanted, self._budget):
                self._finish(job.id, Outcome.ERROR, reason, commands)
            else:
                self._queues.setdefault(wanted, deque()).append(_Waiting(order, job.id))

    def _fill(self, commands: list[Command]) -> None:
        """Start the oldest job that fits, again and again; stop at an oldest one that was passed too often."""
        while len(self._running) < max(1, self._budget.slots):
            heads = self._heads()
            if not heads:
                return
            oldest = heads[0][0]
            if oldest != self._stuck:
                self._stuck, self._passed = oldest, 0
            allowed = heads if self._passed < PATIENCE else heads[:1]
            chosen = next((wanted for _, wanted in allowed if self._fits(wanted)), None)
            if chosen is None:
                return
            if chosen is not heads[0][1]:
                self._passed += 1
            self._start(chosen, commands)

    def _heads(self) -> list[tuple[int, Demand]]:
        heads = [(queue[0].order, wanted) for wanted, queue in self._queues.items()]
        heads.sort(key=lambda head: head[0])
        return heads

    def _fits(self, wanted: Demand) -> bool:
        return policy.fits(wanted, self._budget, len(self._running), self._cpus, self._memory_bytes)

    def _start(self, wanted: Demand, commands: list[Command]) -> None:
        queue = self._queues[wanted]
        job_id = queue.popleft().job_id
        if not queue:
            del self._queues[wanted]
        self._running[job_id] = wanted
        self._cpus += wanted.cpus
        self._memory_bytes += wanted.memory_bytes
        commands.append(Start(job_id, 1))

    def _ended(self, job_id: str) -> None:
        wanted = self._running.pop(job_id)
        self._memory_bytes -= wanted.memory_bytes
        # From nothing again where nothing runs, or rounding errors would add up over a long run.
        self._cpus = self._cpus - wanted.cpus if self._running else 0.0

    def _stop(self, commands: list[Command]) -> None:
        if self._stopping:
            return
        self._stopping = True
        waiting = [(order, job.id) for jobs in self._unready.values() for order, job in jobs]
        waiting.extend((each.order, each.job_id) for queue in self._queues.values() for each in queue)
        self._unready.clear()
        self._queues.clear()
        for _, job_id in sorted(waiting):
            self._finish(job_id, Outcome.CANCELLED, "the run was interrupted before it started", commands)

    def _finish(
        self, job_id: str, outcome: Outcome, reason: str, commands: list[Command], *, attempted: bool = False
    ) -> None:
        self._left -= 1
        commands.append(Finish(job_id, outcome, reason, attempted))
