"""Looks at the host while a run goes on, for the timeline of its report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import psutil

from farm.errors import FarmError
from farm.journal.samples import interval_s
from farm.model.run import Sample


class Watched(Protocol):
    """Whose jobs are counted; ``Driver`` is such."""

    @property
    def running(self) -> int: ...

    @property
    def waiting(self) -> int: ...


class Journal(Protocol):
    """Where samples are kept."""

    def sample(self, sample: Sample, /) -> None: ...

    def commit(self) -> None: ...


class Sampler:
    """A context manager: a run that is shorter than a second has the sample that is taken at its end.

    ``clock`` gives the seconds since the run began; ``taken`` samples were taken before it was killed; ``wait_s`` says how long
    the next one is waited for where so many were taken.
    """

    def __init__(
        self,
        watched: Watched,
        journal: Journal,
        clock: Callable[[], float],
        taken: int = 0,
        wait_s: Callable[[int], float] = interval_s,
    ) -> None:
        self._watched = watched
        self._journal = journal
        self._clock = clock
        self._taken = taken
        self._wait_s = wait_s
        self._broken = False

    def __enter__(self) -> Sampler:
        psutil.cpu_percent()  # the next call tells what was busy since this one
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take()

    async def watch(self) -> None:
        """Take samples until cancelled."""
        while not self._broken:
            await asyncio.sleep(self._wait_s(self._taken))
            self._take()

    def _take(self) -> None:
        memory = psutil.virtual_memory()
        sample = Sample(
            at_s=self._clock(),
            cpu=min(1.0, psutil.cpu_percent() / 100),
            memory_bytes=memory.total - memory.available,
            running=self._watched.running,
            waiting=self._watched.waiting,
        )
        try:
            self._journal.sample(sample)
            self._journal.commit()
        except FarmError:
            self._broken = True  # the driver meets the same trouble with the next attempt, and that ends the run
            return
        self._taken += 1
