from __future__ import annotations

import asyncio
import itertools

import psutil

from farm.app.sampling import Sampler
from farm.errors import FarmError
from farm.model.run import Sample


class Two:
    running = 2
    waiting = 5


class Kept:
    """Has room for ``most`` samples."""

    def __init__(self, most: int = 9) -> None:
        self.samples: list[Sample] = []
        self.commits = 0
        self._most = most

    def sample(self, sample: Sample, /) -> None:
        if len(self.samples) == self._most:
            raise FarmError("the disk is full")
        self.samples.append(sample)

    def commit(self) -> None:
        self.commits += 1


def test_a_run_of_a_moment_has_one_sample_and_it_is_of_this_host() -> None:
    kept = Kept()
    with Sampler(Two(), kept, lambda: 0.25):
        pass
    (found,) = kept.samples
    assert (found.at_s, found.running, found.waiting) == (0.25, 2, 5)
    assert 0 <= found.cpu <= 1
    assert 0 < found.memory_bytes < psutil.virtual_memory().total
    assert kept.commits == 1


def test_it_looks_again_and_again_and_leaves_a_journal_that_cannot_be_written_to_the_driver() -> None:
    kept, ticks, taken = Kept(most=3), itertools.count(1), []

    def wait_s(before: int) -> float:
        taken.append(before)
        return 0.0

    async def go() -> None:
        with Sampler(Two(), kept, lambda: float(next(ticks)), 40, wait_s) as sampler:
            await asyncio.wait_for(sampler.watch(), 10)

    asyncio.run(go())
    assert [each.at_s for each in kept.samples] == [1.0, 2.0, 3.0]
    assert taken == [40, 41, 42, 43]
    assert kept.commits == 3
