"""The driver against fakes of the farm's own Protocols."""

from __future__ import annotations

import asyncio

import pytest

from farm.model.distro import Facts, Image
from farm.model.job import Attempt, ImageKey, Job
from farm.model.outcome import Outcome
from farm.model.ports import EngineInfo, Work
from farm.schedule import policy
from farm.schedule.driver import Driver
from farm.schedule.state import Scheduler

IMAGE = Image("0" * 64, "test", (), Facts())
GIVEN = policy.budget(1, 8 << 30, slots=2)


class Recorder:
    """Journal and user interface in one, so that their order can be told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def attempt(self, attempt: Attempt) -> None:
        self.said.append(("attempt", attempt.job_id))

    def outcome(self, job_id: str, outcome: Outcome, reason: str) -> None:
        self.said.append((f"outcome {outcome}", job_id))

    def commit(self) -> None:
        self.said.append(("commit", ""))

    def started(self, job: Job) -> None:
        self.said.append(("started", job.id))

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        self.said.append((f"finished {outcome}", job.id))


class FakeEngine:
    """Attempts pass at once, or wait for ``cancel`` where ``held``; ``bug`` is raised instead."""

    def __init__(self, *, held: bool = False, bug: Exception | None = None) -> None:
        self._held = held
        self._bug = bug
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def start(self) -> EngineInfo:
        return EngineInfo("v2", True, True)

    async def run(self, work: Work) -> Attempt:
        if self._bug is not None:
            raise self._bug
        if self._held:
            self._waiting[work.job.id] = asyncio.get_running_loop().create_future()
            await self._waiting[work.job.id]
            return Attempt(work.job.id, work.number, Outcome.CANCELLED, 0.0)
        return Attempt(work.job.id, work.number, Outcome.PASSED, 0.0)

    def cancel(self, job_id: str) -> None:
        self._waiting[job_id].set_result(None)

    async def close(self) -> None:
        pass


def make_driver(engine: FakeEngine, recorder: Recorder, count: int = 3) -> Driver:
    jobs = [Job(str(n), str(n), "a", (), ("sh",), "") for n in range(count)]
    return Driver(Scheduler(jobs, GIVEN), jobs, engine, recorder, recorder)


def test_an_attempt_is_committed_before_it_is_told() -> None:
    recorder = Recorder()

    async def go() -> None:
        driver = make_driver(FakeEngine(), recorder)
        driver.image_ready(ImageKey("a"), IMAGE)
        await driver.run()

    asyncio.run(go())
    for job_id in "012":
        kept = recorder.said.index(("attempt", job_id))
        told = recorder.said.index(("finished passed", job_id))
        assert ("commit", "") in recorder.said[kept:told]


def test_a_kill_reaches_attempts_that_were_only_just_started() -> None:
    recorder = Recorder()

    async def go() -> None:
        driver = make_driver(FakeEngine(held=True), recorder)
        driver.image_ready(ImageKey("a"), IMAGE)
        driver.kill()
        await driver.run()

    asyncio.run(go())
    assert [job_id for what, job_id in recorder.said if what == "finished cancelled"] == ["2", "0", "1"]


def test_an_engine_that_raises_ends_the_run_with_its_bug() -> None:
    async def go() -> None:
        driver = make_driver(FakeEngine(bug=ValueError("broken")), Recorder())
        driver.image_ready(ImageKey("a"), IMAGE)
        await driver.run()

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(go())


def test_whoever_was_to_give_an_image_and_never_will_ends_the_run() -> None:
    async def go() -> None:
        driver = make_driver(FakeEngine(), Recorder())
        driver.abandon(KeyError("no image"))
        await driver.run()

    with pytest.raises(KeyError, match="no image"):
        asyncio.run(go())
