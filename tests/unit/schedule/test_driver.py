"""The driver against fakes of the farm's own Protocols."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace

import pytest

from farm.errors import FarmError
from farm.model.distro import Facts, Image
from farm.model.job import Attempt, Failure, ImageKey, Job
from farm.model.outcome import Outcome
from farm.model.ports import EngineInfo, Glimpse, Work
from farm.schedule import policy
from farm.schedule.driver import Driver
from farm.schedule.state import Scheduler
from tests.unit.schedule.jobs import make_job

IMAGE = Image("0" * 64, "test", (), Facts())
GIVEN = policy.budget(1, 8 << 30, slots=2)


class Recorder:
    """Journal and user interface in one, so that their order can be told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def completed(self, job: Job) -> None:
        self.said.append(("completed", job.id))

    def attempt(self, attempt: Attempt) -> None:
        self.said.append((f"attempt {attempt.number}", attempt.job_id))

    def outcome(self, job_id: str, outcome: Outcome, reason: str) -> None:
        self.said.append((f"outcome {outcome}", job_id))

    def commit(self) -> None:
        self.said.append(("commit", ""))

    def started(self, job: Job) -> None:
        self.said.append(("started", job.id))

    def retried(self, job: Job, attempt: Attempt) -> None:
        self.said.append((f"retried {attempt.number}", job.id))

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        self.said.append((f"finished {outcome}", job.id))

    def of(self, job_id: str) -> list[str]:
        return [what for what, each in self.said if each == job_id]


def passes(work: Work) -> Attempt:
    return Attempt(work.job.id, work.number, Outcome.PASSED, 0.0, wait_status=0)


def fails(work: Work) -> Attempt:
    return Attempt(work.job.id, work.number, Outcome.FAILED, 0.0, wait_status=1 << 8)


class FakeEngine:
    """What ``make`` says of each attempt, at once; or attempts wait for ``cancel`` where ``held``."""

    def __init__(self, make: Callable[[Work], Attempt] = passes, *, held: bool = False) -> None:
        self._make = make
        self._held = held
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self.works: list[Work] = []

    async def start(self) -> EngineInfo:
        return EngineInfo("v2", True, True)

    async def run(self, work: Work) -> Attempt:
        self.works.append(work)
        if self._held:
            self._waiting[work.job.id] = asyncio.get_running_loop().create_future()
            await self._waiting[work.job.id]
            return Attempt(work.job.id, work.number, Outcome.CANCELLED, 0.0)
        return self._make(work)

    def look(self, job_id: str) -> Glimpse | None:
        return None

    def cancel(self, job_id: str) -> None:
        if job_id in self._waiting:
            self._waiting[job_id].set_result(None)

    async def close(self) -> None:
        pass


def driven(
    engine: FakeEngine,
    jobs: list[Job] | int = 3,
    also: Callable[[Driver], None] = lambda driver: None,
    recorder: Recorder | None = None,
    **more: object,
) -> Recorder:
    """What was said of a whole run of ``jobs``, or of that many; ``also`` is called once the image is there."""
    recorder = recorder or Recorder()
    made = [make_job(str(n)) for n in range(jobs)] if isinstance(jobs, int) else jobs

    async def go() -> None:
        driver = Driver(Scheduler(made, GIVEN), made, engine, recorder, recorder, **more)  # type: ignore[arg-type]
        driver.image_ready(ImageKey("a"), IMAGE)
        also(driver)
        await driver.run()

    asyncio.run(go())
    return recorder


def test_an_attempt_is_committed_before_it_is_told() -> None:
    recorder = driven(FakeEngine())
    for job_id in "012":
        kept = recorder.said.index(("attempt 1", job_id))
        told = recorder.said.index(("finished passed", job_id))
        assert ("commit", "") in recorder.said[kept:told]


def test_ends_that_follow_each_other_at_once_are_one_commit() -> None:
    recorder = driven(FakeEngine(), jobs=60)
    assert [what for what, _ in recorder.said].count("finished passed") == 60
    assert [what for what, _ in recorder.said].count("commit") < 30  # two run at once: one each, were they not gathered


def test_an_end_is_told_while_others_still_run() -> None:
    class Patient(FakeEngine):
        """Its second job ends when the first has been told of."""

        async def run(self, work: Work) -> Attempt:
            if work.job.id == "1":
                await told.wait()
            return passes(work)

    class Told(Recorder):
        def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
            super().finished(job, outcome, reason, attempt)
            told.set()

    told = asyncio.Event()
    recorder = driven(Patient(), jobs=2, recorder=Told())
    assert [each for what, each in recorder.said if what == "finished passed"] == ["0", "1"]


def test_every_attempt_is_kept_and_told() -> None:
    recorder = driven(
        FakeEngine(lambda work: fails(work) if work.number < 3 else passes(work)), [make_job("0", retries=2)]
    )
    assert recorder.of("0") == [
        *("started", "attempt 1", "retried 1", "started", "attempt 2", "retried 2", "started"),
        *("attempt 3", "outcome flaky", "finished flaky"),
    ]


def test_a_kill_reaches_attempts_that_were_only_just_started() -> None:
    recorder = driven(FakeEngine(held=True), also=lambda driver: driver.kill())
    assert [job_id for what, job_id in recorder.said if what == "finished cancelled"] == ["2", "0", "1"]


def test_C11_an_attempt_without_a_container_is_made_again_and_not_kept() -> None:
    times = iter(range(2))

    def make(work: Work) -> Attempt:
        if next(times, None) is None:
            return passes(work)
        failure = Failure("launch", "socketpair: EMFILE", errno.EMFILE)
        return Attempt(work.job.id, work.number, Outcome.ERROR, 0.0, failure=failure)

    engine = FakeEngine(make)
    recorder = driven(engine, 1)
    assert [work.number for work in engine.works] == [1, 1, 1]
    assert recorder.of("0") == ["started", "started", "started", "attempt 1", "outcome passed", "finished passed"]


def test_a_late_job_is_made_whole_once_for_all_its_attempts() -> None:
    engine = FakeEngine(lambda work: fails(work) if work.number == 1 else passes(work))
    late = make_job("0", retries=1, late=True, script="{{ distro.libc }}")
    recorder = driven(engine, [late], complete=lambda job, image: replace(job, late=False, script="musl"))
    assert recorder.of("0").count("completed") == 1
    assert [work.job.script for work in engine.works] == ["musl", "musl"]


def test_a_late_job_is_skipped_with_its_reason_or_an_error_and_its_room_goes_to_others() -> None:
    def complete(job: Job, image: Image) -> Job | str:
        if job.id == "wrong":
            raise FarmError("undefined name", "m.yaml:3:5")
        return "if: distro.libc == 'glibc'"

    engine = FakeEngine()
    jobs = [make_job("off", late=True), make_job("wrong", late=True), make_job("on")]
    recorder = driven(engine, jobs, complete=complete)
    assert recorder.of("off") == ["outcome skipped", "finished skipped"]
    assert recorder.of("wrong") == ["outcome error", "finished error"]
    assert [work.job.id for work in engine.works] == ["on"]


def test_what_a_job_needs_is_handed_on_by_the_attempt_that_was_good() -> None:
    engine = FakeEngine(lambda work: fails(work) if (work.job.id, work.number) == ("build", 1) else passes(work))
    seen: dict[str, int] = {}

    def hand_on(job: Job, good: dict[str, int]) -> Job:
        seen.update(good)
        return replace(job, summary="may see it")

    jobs = [make_job("build", retries=1), make_job("use", needs=("build", "before"))]
    driven(engine, jobs, hand_on=hand_on, good={"before": 3, "nobody": 1})
    assert seen == {"build": 2, "before": 3}
    assert [work.job.summary for work in engine.works] == ["", "", "may see it"]


def test_an_engine_that_raises_ends_the_run_with_its_bug() -> None:
    def broken(work: Work) -> Attempt:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        driven(FakeEngine(broken))


def test_whoever_was_to_give_an_image_and_never_will_ends_the_run() -> None:
    with pytest.raises(KeyError, match="no image"):
        driven(FakeEngine(held=True), also=lambda driver: driver.abandon(KeyError("no image")))


def test_attempts_are_kept_with_their_image_and_when_they_began() -> None:
    kept: list[Attempt] = []

    class Keeping(Recorder):
        def attempt(self, attempt: Attempt) -> None:
            kept.append(attempt)

    ticks = iter(range(1000))
    jobs = [make_job(str(n)) for n in range(3)]

    async def go() -> None:
        recorder = Keeping()
        engine = FakeEngine()
        driver = Driver(Scheduler(jobs, GIVEN), jobs, engine, recorder, recorder, clock=lambda: float(next(ticks)))
        driver.image_ready(ImageKey("a"), IMAGE)
        await driver.run()
        assert (driver.running, driver.waiting) == (0, 0)

    asyncio.run(go())
    assert [each.image for each in kept] == [IMAGE.digest] * 3
    began = [each.began_s or 0.0 for each in kept]
    assert began == sorted(set(began))
    # Two had room at once; the third waited until the first had ended, from when the image was there.
    assert [each.waited_s for each in kept[:2]] == [0.0, 0.0]
    assert 0 < (kept[2].waited_s or 0.0) < began[2]
