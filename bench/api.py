"""The farm's API: ``LocalEngine`` in this process, one attempt after another or many at once.

That is everything an attempt has (image, user namespace, filter, quotas, log file, outcome) without what a run has around
it: no matrix, no scheduler, no journal, no reports.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.peer import MEMORY_BYTES, PIDS, TRUE, Place
from farm import __version__
from farm.app.host import id_map, raise_descriptors
from farm.engine.local import LocalEngine
from farm.errors import FarmError
from farm.model.distro import Facts, Image, Overlay
from farm.model.job import Job
from farm.model.limits import Limits
from farm.model.outcome import Outcome
from farm.model.ports import Work

_LIMITS = Limits(cpus=1.0, memory_bytes=MEMORY_BYTES, pids=PIDS)


class Api:
    """One engine and its loop."""

    name = "farm's API"
    version = __version__

    def __init__(self, runner: asyncio.Runner, engine: LocalEngine, image: Image) -> None:
        self._runner = runner
        self._engine = engine
        self._image = image

    def alone(self, count: int) -> list[float]:
        """Seconds of each of ``count`` attempts, one after another."""
        return self._runner.run(self._one_by_one(count))

    def many(self, count: int, parallel: int) -> float:
        """Seconds of ``count`` attempts, ``parallel`` at a time."""
        return self._runner.run(self._at_once(count, parallel))

    async def _one_by_one(self, count: int) -> list[float]:
        return [await self._attempt(number) for number in range(count)]

    async def _at_once(self, count: int, parallel: int) -> float:
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await self._attempt(number)

        started_s = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(parallel)))
        return time.perf_counter() - started_s

    async def _attempt(self, number: int) -> float:
        job = Job(f"bench/alpine[n={number}]", "bench", "alpine", (), TRUE, "", limits=_LIMITS)
        started_s = time.perf_counter()
        attempt = await self._engine.run(Work(job, self._image, 1))
        took_s = time.perf_counter() - started_s
        if attempt.outcome is not Outcome.PASSED:
            raise FarmError(f"an attempt ended as {attempt.outcome}", str(attempt.failure or attempt.reason))
        return took_s


@contextmanager
def found(place: Place) -> Iterator[Api]:
    """The farm's API, its engine started while the block runs."""
    raise_descriptors(64)
    run = os.path.basename(place.corner.cgroup)
    folder = f"{place.corner.scratch}/api"
    os.mkdir(folder)
    with asyncio.Runner() as runner:
        engine = LocalEngine(f"{run}-api", folder, (place.rootfs,), id_map())
        try:
            runner.run(engine.start())
            yield Api(runner, engine, Image("0" * 64, place.rootfs, (Overlay("/", (place.rootfs,)),), Facts()))
        finally:
            runner.run(engine.close())
