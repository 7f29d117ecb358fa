"""Who gives the driver its images, with a supply and a preparer of our own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from farm.app.images import Images
from farm.app.unavailable import Unavailable
from farm.model.distro import Distro, Facts, Image, Source, SourceKind
from farm.model.job import Job, Prepare
from farm.model.outcome import Outcome
from farm.model.run import UsedImage
from farm.schedule import policy
from farm.schedule.driver import Driver
from farm.schedule.state import Scheduler
from tests.unit.schedule.test_driver import FakeEngine, Recorder

DISTRO = Distro("a", (Source(SourceKind.HOST),))
BASE = Image("0" * 64, "test", (), Facts())
GOOD, BAD = Prepare("make", ("sh",)), Prepare("false", ("sh",))
JOBS = (
    Job("plain", "t", "a", (), ("sh",), ""),
    Job("good", "t", "a", (), ("sh",), "", prepare=GOOD),
    Job("bad-1", "t", "a", (), ("sh",), "", prepare=BAD),
    Job("bad-2", "t", "a", (), ("sh",), "", prepare=replace(BAD, where="m.yaml:9:9")),
)


class Given:
    """``Supply`` and ``Preparing`` in one: counts how often it was asked for the distro's image."""

    def __init__(self, base: Image | Unavailable | Exception = BASE) -> None:
        self._base = base
        self.asked = 0

    async def supply(self, distro: Distro) -> Image | Unavailable:
        self.asked += 1
        if isinstance(self._base, Exception):
            raise self._base
        return self._base

    async def prepare(self, distro: Distro, base: Image, prepare: Prepare) -> Image | Unavailable:
        return Unavailable("it failed", "it failed with this") if prepare == BAD else replace(base, digest="1" * 64)


def outcomes(given: Given) -> tuple[dict[str, Outcome], list[Unavailable]]:
    told: list[Unavailable] = []
    recorder = Recorder()

    async def go() -> dict[str, Outcome]:
        driver = Driver(Scheduler(JOBS, policy.budget(1, 8 << 30)), JOBS, FakeEngine(), recorder, recorder)
        images = Images(given.supply, given.prepare, {}, driver, told.append)
        keys = list(dict.fromkeys(job.image_key for job in JOBS))
        providing = asyncio.ensure_future(images.provide(DISTRO, keys))
        await driver.run()
        await providing
        return driver.outcomes

    return asyncio.run(go()), told


def test_one_image_of_the_distro_serves_all_and_a_failed_prepare_is_told_once() -> None:
    given = Given()
    found, told = outcomes(given)
    assert found == {
        "plain": Outcome.PASSED,
        "good": Outcome.PASSED,
        "bad-1": Outcome.ERROR,
        "bad-2": Outcome.ERROR,
    }
    assert given.asked == 1
    assert len(told) == 1


def test_without_the_distros_image_nothing_is_prepared() -> None:
    found, told = outcomes(Given(Unavailable("image: gone")))
    assert set(found.values()) == {Outcome.ERROR}
    assert told == [Unavailable("image: gone")]


def test_a_bug_ends_the_run_instead_of_leaving_its_jobs_waiting() -> None:
    with pytest.raises(ZeroDivisionError):
        outcomes(Given(ZeroDivisionError()))


def test_what_the_driver_gets_is_told_before_with_what_prepared_ones_are_called() -> None:
    told: list[UsedImage] = []
    recorder = Recorder()
    jobs = JOBS[:2]

    async def go() -> None:
        driver = Driver(Scheduler(jobs, policy.budget(1, 8 << 30)), jobs, FakeEngine(), recorder, recorder)
        given = Given()
        called = {jobs[1].image_key: "a for good"}
        images = Images(given.supply, given.prepare, {}, driver, lambda _: None, used=told.append, called=called)
        await images.provide(DISTRO, [job.image_key for job in jobs])
        assert len(told) == 2
        await driver.run()

    asyncio.run(go())
    assert told == [
        UsedImage("0" * 64, "a", "test", Facts()),
        UsedImage("1" * 64, "a", "test", Facts(), "a for good"),
    ]
