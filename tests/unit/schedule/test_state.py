from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from farm.model.job import ImageKey, Job, Prepare
from farm.model.limits import Limits
from farm.model.outcome import Outcome
from farm.schedule import policy
from farm.schedule.state import (
    PATIENCE,
    AttemptEnded,
    Cancel,
    Command,
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

MIB = 1 << 20
A, B = ImageKey("a"), ImageKey("b")
TOOLS = Prepare("apk add make", ("sh", "-e"))
PREPARED = ImageKey("a", TOOLS)
KEYS = (A, B, PREPARED, ImageKey("a", Prepare("apk add gcc", ("sh", "-e"))))


def make_job(name: str, key: ImageKey = A, cpus: float = 1.0, memory_bytes: int = MIB) -> Job:
    limits = Limits(cpus=cpus, memory_bytes=memory_bytes)
    return Job(name, name, key.distro, (), ("sh",), "", limits=limits, prepare=key.prepare)


def test_jobs_start_in_order_as_slots_come_free() -> None:
    scheduler = Scheduler([make_job("1"), make_job("2")], policy.budget(1, 100 * MIB, slots=1))
    assert scheduler.step(ImageReady(A)) == (Start("1", 1),)
    assert scheduler.step(AttemptEnded("1", Outcome.PASSED)) == (
        Finish("1", Outcome.PASSED, "", True),
        Start("2", 1),
    )
    assert scheduler.step(AttemptEnded("2", Outcome.FAILED, "exit 1")) == (
        Finish("2", Outcome.FAILED, "exit 1", True),
        Done(),
    )


def test_a_job_that_can_never_fit_is_an_error_with_the_numbers() -> None:
    scheduler = Scheduler([make_job("1", memory_bytes=200 * MIB)], policy.budget(1, 100 * MIB))
    finish, done = scheduler.step(ImageReady(A))
    assert isinstance(finish, Finish)
    assert finish.outcome is Outcome.ERROR
    assert "200 MiB" in finish.reason
    assert "100 MiB" in finish.reason
    assert done == Done()


def test_a_failed_image_ends_its_own_jobs_only() -> None:
    scheduler = Scheduler([make_job("1"), make_job("2", B)], policy.budget(1, 100 * MIB))
    assert scheduler.step(ImageFailed(A, "no such file")) == (Finish("1", Outcome.ERROR, "no such file", False),)
    assert scheduler.step(ImageReady(B)) == (Start("2", 1),)


def test_jobs_wait_for_what_prepares_their_image_while_others_of_the_distro_run() -> None:
    jobs = [make_job("1", PREPARED), make_job("2"), make_job("3", ImageKey("a", replace(TOOLS, where="m.yaml:9:1")))]
    scheduler = Scheduler(jobs, policy.budget(4, 100 * MIB))
    assert scheduler.step(ImageReady(A)) == (Start("2", 1),)
    assert scheduler.step(ImageReady(PREPARED)) == (Start("1", 1), Start("3", 1))


def test_a_prepare_that_failed_is_an_error_of_exactly_its_jobs() -> None:
    scheduler = Scheduler(
        [make_job("1", PREPARED), make_job("2"), make_job("3", PREPARED)], policy.budget(4, 100 * MIB)
    )
    assert scheduler.step(ImageFailed(PREPARED, "exit status 100")) == (
        Finish("1", Outcome.ERROR, "exit status 100", False),
        Finish("3", Outcome.ERROR, "exit status 100", False),
    )
    assert scheduler.step(ImageReady(A)) == (Start("2", 1),)


def test_an_interrupt_cancels_what_waits_for_its_prepare_which_may_still_end_either_way() -> None:
    for late in (ImageReady(PREPARED), ImageFailed(PREPARED, "given up")):
        scheduler = Scheduler([make_job("1", PREPARED), make_job("2")], policy.budget(4, 100 * MIB))
        scheduler.step(ImageReady(A))
        (finish,) = scheduler.step(Interrupted())
        assert isinstance(finish, Finish)
        assert (finish.job_id, finish.outcome) == ("1", Outcome.CANCELLED)
        assert scheduler.step(late) == ()
        assert scheduler.step(AttemptEnded("2", Outcome.PASSED))[-1] == Done()


def test_the_first_interrupt_drains_and_a_kill_cancels() -> None:
    scheduler = Scheduler([make_job("1"), make_job("2")], policy.budget(1, 100 * MIB, slots=1))
    scheduler.step(ImageReady(A))
    (finish,) = scheduler.step(Interrupted())
    assert isinstance(finish, Finish)
    assert (finish.job_id, finish.outcome) == ("2", Outcome.CANCELLED)
    assert scheduler.step(Interrupted()) == ()
    assert scheduler.step(Killed()) == (Cancel("1"),)
    assert scheduler.step(Killed()) == ()
    assert scheduler.step(AttemptEnded("1", Outcome.CANCELLED))[-1] == Done()


def test_a_large_job_is_not_passed_for_ever() -> None:
    small = [make_job(f"small-{n}", memory_bytes=200 * MIB) for n in range(3 * PATIENCE)]
    large = make_job("large", memory_bytes=400 * MIB)
    scheduler = Scheduler([small[0], small[1], large, *small[2:]], policy.Budget(9, 9.0, 400 * MIB, 400 * MIB, 1))
    running = [c.job_id for c in scheduler.step(ImageReady(A)) if isinstance(c, Start)]
    started = len(running)
    while running != ["large"]:
        ended = running.pop(0)
        new = [c.job_id for c in scheduler.step(AttemptEnded(ended, Outcome.PASSED)) if isinstance(c, Start)]
        running += new
        started += len(new)
        assert started <= PATIENCE + 3


class SchedulerMachine(RuleBasedStateMachine):
    """Any order of events: nothing starts twice, the budget holds, each job ends once, ``Done`` comes once and last."""

    @initialize(
        shapes=st.lists(
            st.tuples(st.sampled_from(KEYS), st.sampled_from([0.1, 1.0, 3.0]), st.integers(1, 30)),
            min_size=1,
            max_size=25,
        ),
        slots=st.one_of(st.none(), st.integers(1, 5)),
    )
    def begin(self, shapes: list[tuple[ImageKey, float, int]], slots: int | None) -> None:
        self.jobs = {str(n): make_job(str(n), key, cpus, size * MIB) for n, (key, cpus, size) in enumerate(shapes)}
        self.budget = policy.Budget(slots or 3, 4.0, 40 * MIB, 25 * MIB, 2)
        self.scheduler = Scheduler(self.jobs.values(), self.budget)
        self.open_images = set(KEYS)
        self.failed_images: set[ImageKey] = set()
        self.running: set[str] = set()
        self.started: set[str] = set()
        self.finished: set[str] = set()
        self.done = False
        self.stopping = False

    def feed(self, event: Event) -> None:
        for command in self.scheduler.step(event):
            self.obey(command)

    def obey(self, command: Command) -> None:
        assert not self.done
        match command:
            case Start(job_id, number):
                assert number == 1
                assert not self.stopping
                assert job_id not in self.started
                assert self.jobs[job_id].image_key not in self.open_images | self.failed_images
                self.started.add(job_id)
                self.running.add(job_id)
            case Cancel(job_id):
                assert job_id in self.running
            case Finish(job_id, outcome, reason, attempted):
                if outcome is Outcome.ERROR and reason == "gone":
                    assert self.jobs[job_id].image_key in self.failed_images
                assert job_id not in self.finished
                assert job_id not in self.running
                assert attempted == (job_id in self.started)
                self.finished.add(job_id)
            case Done():
                self.done = True

    @precondition(lambda self: self.open_images)
    @rule(data=st.data(), ready=st.booleans())
    def image(self, data: st.DataObject, ready: bool) -> None:
        key = data.draw(st.sampled_from([each for each in KEYS if each in self.open_images]))
        self.open_images.discard(key)
        if not ready:
            self.failed_images.add(key)
        self.feed(ImageReady(key) if ready else ImageFailed(key, "gone"))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from([Outcome.PASSED, Outcome.FAILED, Outcome.CANCELLED]))
    def end(self, data: st.DataObject, outcome: Outcome) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(job_id)
        self.feed(AttemptEnded(job_id, outcome))

    @rule()
    def interrupt(self) -> None:
        self.stopping = True
        self.feed(Interrupted())

    @rule()
    def kill(self) -> None:
        self.stopping = True
        self.feed(Killed())

    @invariant()
    def the_budget_holds(self) -> None:
        running = [policy.demand(self.jobs[job_id].limits, self.budget) for job_id in self.running]
        assert len(running) == self.scheduler.running
        assert len(running) <= self.budget.slots
        assert sum(each.memory_bytes for each in running) <= self.budget.memory_bytes
        assert sum(each.cpus for each in running) <= self.budget.cpus + 1e-3 or len(running) == 1

    @invariant()
    def nothing_waits_without_reason(self) -> None:
        if not self.open_images and not self.running:
            assert self.finished == set(self.jobs)
        assert self.done == (self.finished == set(self.jobs))


SchedulerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestScheduler = SchedulerMachine.TestCase
