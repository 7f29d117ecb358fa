"""Carries out what the scheduler decides: attempts as tasks of one event loop, each in the journal before it is told.

Whatever happens between two turns of the loop is one batch: its starts go out first, then one commit of the journal
covers all its ends, then the user hears of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from farm.model.distro import Image
from farm.model.job import Attempt, ImageKey, Job
from farm.model.outcome import Outcome
from farm.model.ports import Engine, Work
from farm.schedule.state import (
    AttemptEnded,
    Cancel,
    Done,
    Event,
    Finish,
    ImageFailed,
    ImageReady,
    Interrupted,
    Killed,
    Scheduler,
    Start,
)


class Journal(Protocol):
    """Where attempts and outcomes are kept; ``commit`` makes what was said before it durable."""

    def attempt(self, attempt: Attempt, /) -> None: ...

    def outcome(self, job_id: str, outcome: Outcome, reason: str, /) -> None: ...

    def commit(self) -> None: ...


class Ui(Protocol):
    """Who is told of the run while it goes on."""

    def started(self, job: Job, /) -> None: ...

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None, /) -> None: ...


class Driver:
    """One run's events and attempts. Everything on the loop that calls ``run``; owns the tasks, not the engine.

    ``outcomes`` are those of the jobs that are over.
    """

    def __init__(self, scheduler: Scheduler, jobs: Iterable[Job], engine: Engine, journal: Journal, ui: Ui) -> None:
        self._scheduler = scheduler
        self._jobs = {job.id: job for job in jobs}
        self._engine = engine
        self._journal = journal
        self._ui = ui
        self._images: dict[ImageKey, Image] = {}
        self._events: list[Event] = []
        self._attempts: dict[str, Attempt] = {}
        self._finished: list[Finish] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._bug: BaseException | None = None
        self.outcomes: dict[str, Outcome] = {}
        self._done = False

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

    async def run(self) -> None:
        """Until every job is over. Raises what an engine or a journal raises, with all attempts abandoned."""
        try:
            while not self._done:
                await self._wake.wait()
                self._wake.clear()
                if self._bug is not None:
                    raise self._bug
                events, self._events = self._events, []
                for event in events:
                    self._carry_out(event)
                self._tell()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _post(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    def _carry_out(self, event: Event) -> None:
        for command in self._scheduler.step(event):
            match command:
                case Start(job_id, number):
                    self._start(self._jobs[job_id], number)
                case Cancel(job_id):
                    # After the first step of a task just made: before it, the engine does not know the job.
                    asyncio.get_running_loop().call_soon(self._engine.cancel, job_id)
                case Finish():
                    self._finished.append(command)
                case Done():
                    self._done = True

    def _start(self, job: Job, number: int) -> None:
        task = asyncio.get_running_loop().create_task(self._attempt(Work(job, self._images[job.image_key], number)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._ui.started(job)

    async def _attempt(self, work: Work) -> None:
        try:
            attempt = await self._engine.run(work)
        except Exception as error:  # noqa: BLE001 - an engine that raises is a bug, and run() is who reports it
            self.abandon(error)
            return
        self._attempts[work.job.id] = attempt
        self._post(AttemptEnded(work.job.id, attempt.outcome, attempt.reason))

    def _tell(self) -> None:
        """The journal first, the user after the commit."""
        if not self._finished:
            return
        finished, self._finished = self._finished, []
        for each in finished:
            if each.attempted:
                self._journal.attempt(self._attempts[each.job_id])
            self._journal.outcome(each.job_id, each.outcome, each.reason)
            self.outcomes[each.job_id] = each.outcome
        self._journal.commit()
        for each in finished:
            self._ui.finished(self._jobs[each.job_id], each.outcome, each.reason, self._attempts.pop(each.job_id, None))
