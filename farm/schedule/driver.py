"""Carries out what the scheduler decides: attempts as tasks of one event loop, each in the journal before it is told.

Whatever happens between two turns of the loop is one batch: its starts go out first. Ends are gathered for some
milliseconds, for a commit costs as much as a tenth of a short job: then one commit of the journal covers them all, then
the user hears of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol, TypeAlias

from farm.errors import FarmError
from farm.model.distro import Image
from farm.model.job import Attempt, ImageKey, Job
from farm.model.outcome import Outcome
from farm.model.ports import Engine, Work
from farm.schedule.events import (
    AttemptEnded,
    Begin,
    Cancel,
    Done,
    Dropped,
    Event,
    Finish,
    ImageFailed,
    ImageReady,
    Interrupted,
    Killed,
    Overdue,
    Pressure,
    Retry,
    Start,
    Wait,
    Waited,
)
from farm.schedule.exhaustion import exhausted
from farm.schedule.standing import Standing
from farm.schedule.state import Scheduler

Complete: TypeAlias = Callable[[Job, Image], Job | str]
"""A ``late`` job made whole for its image, or the reason why it is skipped; ``FarmError`` where it cannot be."""
HandOn: TypeAlias = Callable[[Job, Mapping[str, int]], Job]
"""A job that may see what those it needs left, given by id with the attempt that was good."""


_GATHER_S = 0.005


class Journal(Protocol):
    """Where attempts and outcomes are kept; ``commit`` makes what was said before it durable."""

    def completed(self, job: Job, /) -> None: ...

    def attempt(self, attempt: Attempt, /) -> None: ...

    def outcome(self, job_id: str, outcome: Outcome, reason: str, /) -> None: ...

    def commit(self) -> None: ...


class Ui(Protocol):
    """Who is told of the run while it goes on."""

    def started(self, job: Job, /) -> None: ...

    def retried(self, job: Job, attempt: Attempt, /) -> None: ...

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None, /) -> None: ...


class Driver:
    """One run's events and attempts. Everything on the loop that calls ``run``; owns the tasks, not the engine.

    ``good`` are the last attempts of jobs that were over before. ``outcomes`` are those of the jobs that are over by now.
    ``clock`` gives the seconds since the run began, monotonic.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        jobs: Iterable[Job],
        engine: Engine,
        journal: Journal,
        ui: Ui,
        *,
        complete: Complete | None = None,
        hand_on: HandOn | None = None,
        good: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._jobs = {job.id: job for job in jobs}
        self._engine = engine
        self._journal = journal
        self._ui = ui
        self._complete = complete
        self._hand_on = hand_on
        needed = {need for job in self._jobs.values() for need in job.needs}
        self._good = {job_id: number for job_id, number in (good or {}).items() if job_id in needed}
        self._needed = needed
        self._images: dict[ImageKey, Image] = {}
        self._events: list[Event] = []
        self._last: dict[str, Attempt] = {}
        self._ended: list[Attempt] = []
        self._news: list[Job | Retry | Finish] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._wake = asyncio.Event()
        self._telling: asyncio.TimerHandle | None = None
        self._bug: BaseException | None = None
        self.outcomes: dict[str, Outcome] = {}
        self.exhausted = 0
        self._done = False
        self._post(Begin())

    @property
    def is_overdue(self) -> bool:
        """The deadline is what stopped the run."""
        return self._scheduler.overdue

    @property
    def running(self) -> int:
        """Jobs whose attempts are under way."""
        return self._scheduler.running

    @property
    def waiting(self) -> int:
        """Jobs that are ready, and wait for room or their turn."""
        return self._scheduler.waiting

    def standing(self) -> Standing:
        """How the run stands; see ``Scheduler.standing``."""
        return self._scheduler.standing()

    def image_ready(self, key: ImageKey, image: Image) -> None:
        """Jobs that wait for ``key`` may start, on ``image``."""
        self._images[key] = image
        self._post(ImageReady(key))

    def image_failed(self, key: ImageKey, reason: str) -> None:
        """Jobs that wait for ``key`` end as ``error``."""
        self._post(ImageFailed(key, reason))

    def abandon(self, bug: Exception) -> None:
        """Make ``run`` raise ``bug``: who was to give an image never will."""
        self._bug = bug
        self._wake.set()

    def interrupt(self) -> None:
        """Start nothing more; running jobs come to their end."""
        self._post(Interrupted())

    def kill(self) -> None:
        """End running jobs too."""
        self._post(Killed())

    def overdue(self) -> None:
        """The run's deadline has passed: end everything."""
        self._post(Overdue())

    def pressed(self, at_most: int) -> None:
        """The host is short of what is not counted here: so many jobs at once meanwhile, 0 when it is no longer."""
        self._post(Pressure(at_most))

    async def run(self) -> None:
        """Until every job is over. Raises what an engine or a journal raises, with all attempts abandoned."""
        try:
            while not self._done:
                await self._wake.wait()
                self._wake.clear()
                if self._bug is not None:
                    self._tell()
                    raise self._bug
                events, self._events = self._events, []
                for event in events:
                    self._carry_out(event)
                self._tell_in_time()
        finally:
            if self._telling is not None:
                self._telling.cancel()
            if self._ended:  # what has ended is recorded, whatever keeps the rest from going on
                with contextlib.suppress(Exception):
                    self._tell()
            for timer in self._timers:
                timer.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _post(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    def _carry_out(self, event: Event) -> None:
        commands = self._scheduler.step(event, self._clock())
        if isinstance(event, AttemptEnded):
            self._keep(self._last[event.job_id], made=not any(isinstance(each, Wait) for each in commands))
        for command in commands:
            match command:
                case Start(job_id, number, waited_s):
                    self._start(job_id, number, waited_s)
                case Cancel(job_id):
                    # After the first step of a task just made: before it, the engine does not know the job.
                    asyncio.get_running_loop().call_soon(self._engine.cancel, job_id)
                case Retry():
                    self._news.append(command)
                case Wait(job_id, delay_s):
                    self._wait(job_id, delay_s)
                case Finish(job_id):
                    self._news.append(command)
                    if job_id in self._needed and job_id in self._last:
                        self._good[job_id] = self._last[job_id].number
                case Done():
                    self._done = True

    def _keep(self, attempt: Attempt, *, made: bool) -> None:
        """An attempt that was none, for the host had no room for it, is not kept; the next has its number."""
        if made:
            self._ended.append(attempt)
        else:
            self.exhausted += 1
            del self._last[attempt.job_id]

    def _start(self, job_id: str, number: int, waited_s: float) -> None:
        job = self._jobs[job_id]
        image = self._images[job.image_key]
        if job.late and self._complete is not None:
            try:
                found = self._complete(job, image)
            except FarmError as error:
                told = "; ".join(part for part in (error.brief, error.detail, error.remedy) if part)
                self._post(Dropped(job_id, Outcome.ERROR, told))
                return
            if isinstance(found, str):
                self._post(Dropped(job_id, Outcome.SKIPPED, found))
                return
            self._jobs[job_id] = job = found
            self._journal.completed(job)
        if self._hand_on is not None and job.needs:
            job = self._hand_on(job, {need: self._good[need] for need in job.needs if need in self._good})
        services = {each.distro: self._images[ImageKey(each.distro)] for each in job.services}
        task = asyncio.get_running_loop().create_task(
            self._attempt(Work(job, image, number, services), self._clock(), waited_s)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._news.append(job)

    def _wait(self, job_id: str, delay_s: float) -> None:
        def passed() -> None:
            self._timers.discard(timer)
            self._post(Waited(job_id))

        timer = asyncio.get_running_loop().call_later(delay_s, passed)
        self._timers.add(timer)

    async def _attempt(self, work: Work, began_s: float, waited_s: float) -> None:
        try:
            attempt = await self._engine.run(work)
        except Exception as error:  # noqa: BLE001 - an engine that raises is a bug, and run() is who reports it
            self.abandon(error)
            return
        attempt = replace(attempt, image=work.image.digest, began_s=began_s, waited_s=waited_s)
        self._last[work.job.id] = attempt
        code = None if attempt.wait_status is None else os.waitstatus_to_exitcode(attempt.wait_status)
        self._post(AttemptEnded(work.job.id, attempt.outcome, attempt.reason, code, exhausted(attempt)))

    def _tell_in_time(self) -> None:
        """Now, or when the first that waits has waited long enough.

        Now where nothing is to be committed, and where an attempt is retried: its job may have ended another by then.
        """
        loop = asyncio.get_running_loop()
        due = self._telling is not None and self._telling.when() <= loop.time()
        kinds = {type(each) for each in self._news}
        if due or self._done or Retry in kinds or not (self._ended or Finish in kinds):
            self._tell()
        elif self._telling is None:
            self._telling = loop.call_later(_GATHER_S, self._wake.set)

    def _tell(self) -> None:
        """The journal first, the user after the commit."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        news, self._news = self._news, []
        finished = [each for each in news if isinstance(each, Finish)]
        ended, self._ended = self._ended, []
        for attempt in ended:
            self._journal.attempt(attempt)
        for each in finished:
            self._journal.outcome(each.job_id, each.outcome, each.reason)
            self.outcomes[each.job_id] = each.outcome
        if ended or finished:
            self._journal.commit()
        for item in news:
            match item:
                case Job():
                    self._ui.started(item)
                case Retry(job_id):
                    self._ui.retried(self._jobs[job_id], self._last[job_id])
                case Finish(job_id, outcome, reason):
                    self._ui.finished(self._jobs[job_id], outcome, reason, self._last.pop(job_id, None))
