"""Any order of events: no job is lost or runs twice at once, every bound holds, and the run always ends."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from farm.model.job import ImageKey, Job
from farm.model.limits import Limits
from farm.model.outcome import Outcome
from farm.model.service import Service
from farm.schedule import needs, policy
from farm.schedule.events import (
    AttemptEnded,
    Begin,
    Cancel,
    Command,
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
from farm.schedule.standing import Why
from farm.schedule.state import Scheduler
from tests.unit.schedule.jobs import KEYS, MIB, make_job

TESTS = ("unit", "lint", "load")
ENDS = (Outcome.PASSED, Outcome.FAILED, Outcome.TIMEOUT, Outcome.SKIPPED, Outcome.CANCELLED, Outcome.XFAILED)

SERVICE = Service("db", "b", ("sh",), "", limits=Limits(0.5, MIB))

SHAPES = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(KEYS),
            "cpus": st.sampled_from([0.1, 1.0, 3.0]),
            "size": st.integers(1, 30),
            "retries": st.integers(0, 2),
            "test": st.sampled_from(TESTS),
            "group": st.sampled_from(["", "db"]),
            "fail_fast": st.sampled_from([False, False, True]),
            "needs": st.one_of(st.just([]), st.lists(st.integers(1, 4), max_size=2)),
            "service": st.sampled_from([False, False, True]),
            "off": st.sampled_from([False] * 7 + [True]),
        }
    ),
    min_size=3,
    max_size=25,
)


class SchedulerMachine(RuleBasedStateMachine):
    @initialize(
        shapes=SHAPES,
        slots=st.integers(1, 5),
        most=st.fixed_dictionaries({test: st.integers(0, 2) for test in TESTS}),
        max_fail=st.sampled_from([0, 0, 0, 1, 4]),
        there=st.sets(st.sampled_from(KEYS)),
        dice=st.randoms(use_true_random=False),
    )
    def begin(self, shapes, slots, most, max_fail, there, dice) -> None:
        self.jobs: dict[str, Job] = {}
        for number, each in enumerate(shapes):
            # Mostly on earlier ones; one more than there are is a circle of its own, or of several.
            needed = tuple(str(number - back) for back in each["needs"] if number - back >= 0)
            self.jobs[str(number)] = make_job(
                str(number),
                each["key"],
                each["cpus"],
                each["size"] * MIB,
                retries=each["retries"],
                test=each["test"],
                group=each["group"],
                fail_fast=each["fail_fast"],
                max_parallel=most[each["test"]],
                needs=needed,
                services=(SERVICE,) if each["service"] else (),
                condition="if: no" if each["off"] else "",
            )
        ranks = list(range(len(shapes)))
        dice.shuffle(ranks)
        self.budget = policy.Budget(slots, 4.0, 40 * MIB, 25 * MIB, 2)
        self.scheduler = Scheduler(self.jobs.values(), self.budget, ranks=ranks, max_fail=max_fail)
        self.most = most
        self.open_images = set(KEYS)
        self.failed_images: set[ImageKey] = set()
        self.running: set[str] = set()
        self.cancelled: set[str] = set()
        self.attempts: Counter[str] = Counter()  # those that another one followed
        self.paused: set[str] = set()
        self.finished: dict[str, Outcome] = {}
        self.done = self.stopping = self.high = False
        self.feed(Begin())
        for key in KEYS:
            if key in there:
                self.open_images.discard(key)
                self.feed(ImageReady(key))

    def feed(self, event: Event) -> tuple[Command, ...]:
        commands = self.scheduler.step(event)
        for command in commands:
            self.obey(command)
        return commands

    def obey(self, command: Command) -> None:
        assert not self.done
        match command:
            case Start(job_id, number):
                job = self.jobs[job_id]
                assert not self.stopping
                assert job_id not in self.running
                assert job_id not in self.finished
                assert job_id not in self.paused
                assert number == self.attempts[job_id] + 1 <= job.retries.most + 1
                assert not set(job.image_keys) & (self.open_images | self.failed_images)
                assert all(needs.met(self.finished[each]) for each in job.needs)
                self.running.add(job_id)
            case Cancel(job_id):
                assert job_id in self.running
                assert job_id not in self.cancelled
                self.cancelled.add(job_id)
            case Retry(job_id):
                self.attempts[job_id] += 1
            case Wait(job_id):
                assert job_id not in self.running
                self.paused.add(job_id)
            case Finish(job_id, outcome):
                assert job_id not in self.finished
                assert job_id not in self.running
                self.finished[job_id] = outcome
                self.paused.discard(job_id)
                assert outcome is not Outcome.FLAKY or self.attempts[job_id] > 0
            case Done():
                self.done = True

    @precondition(lambda self: self.open_images)
    @rule(data=st.data(), ready=st.sampled_from([True, True, True, False]))
    def image(self, data, ready) -> None:
        key = data.draw(st.sampled_from([each for each in KEYS if each in self.open_images]))
        self.open_images.discard(key)
        if not ready:
            self.failed_images.add(key)
        self.feed(ImageReady(key) if ready else ImageFailed(key, "gone"))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from(ENDS))
    def end(self, data, outcome) -> None:
        job_id = self.take(data)
        code = {Outcome.PASSED: 0, Outcome.FAILED: 1}.get(outcome)
        commands = self.feed(AttemptEnded(job_id, outcome, str(outcome), code))
        assert (Retry(job_id) in commands) != (job_id in self.finished)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def exhausted(self, data) -> None:
        job_id = self.take(data)
        commands = self.feed(AttemptEnded(job_id, Outcome.ERROR, "EMFILE", exhausted=True))
        if job_id not in self.finished and job_id not in self.paused:
            assert Retry(job_id) in commands

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from([Outcome.SKIPPED, Outcome.ERROR]))
    def dropped(self, data, outcome) -> None:
        self.feed(Dropped(self.take(data), outcome, "dropped"))

    @precondition(lambda self: self.paused)
    @rule(data=st.data())
    def waited(self, data) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.paused)))
        self.paused.discard(job_id)
        self.feed(Waited(job_id))

    @rule(at_most=st.integers(0, 3))
    def pressure(self, at_most) -> None:
        self.high = at_most > 0
        before = len(self.running)
        self.feed(Pressure(at_most))
        assert not at_most or len(self.running) <= max(before, at_most)

    @precondition(lambda self: len(self.finished) > 2)
    @rule(event=st.sampled_from([Interrupted(), Killed(), Overdue()]))
    def stop(self, event) -> None:
        # What is over stays over; from here on nothing may start.
        self.stopping = True
        self.feed(event)
        assert set(self.jobs) == set(self.finished) | self.running

    def take(self, data) -> str:
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(job_id)
        self.cancelled.discard(job_id)
        return job_id

    @invariant()
    def the_budget_holds(self) -> None:
        running = [policy.demand_of(self.jobs[job_id]) for job_id in self.running]
        assert len(running) == self.scheduler.running
        assert len(running) <= self.budget.slots
        assert sum(each.memory_bytes for each in running) <= self.budget.memory_bytes
        assert sum(each.cpus for each in running) <= self.budget.cpus + 1e-3 or len(running) == 1

    @invariant()
    def tests_and_groups_are_bounded(self) -> None:
        jobs = [self.jobs[job_id] for job_id in self.running]
        for test, count in Counter(job.test for job in jobs).items():
            assert not self.most[test] or count <= self.most[test]
        assert all(count == 1 for group, count in Counter(job.group for job in jobs).items() if group)

    @invariant()
    def nothing_waits_without_reason(self) -> None:
        if not self.open_images and not self.running and not self.paused:
            assert set(self.finished) == set(self.jobs)
        assert self.done == (set(self.finished) == set(self.jobs))

    @invariant()
    def what_waits_is_counted_once_and_for_a_reason(self) -> None:
        standing = self.scheduler.standing()
        assert standing.used.running == len(self.running)
        assert sum(standing.waiting.values()) == len(set(self.jobs) - set(self.finished) - self.running)
        assert (standing.waiting[Why.IMAGE] > 0) == bool(standing.images)

    @invariant()
    def what_could_start_has(self) -> None:
        """Nothing that fits waits while nothing holds it back: no wake-up is lost."""
        if self.high or self.stopping or self.scheduler.at_most < self.budget.slots:
            return
        if len(self.running) >= self.budget.slots:
            return
        used = [policy.demand_of(self.jobs[job_id]) for job_id in self.running]
        cpus, memory = sum(each.cpus for each in used), sum(each.memory_bytes for each in used)
        tests = Counter(self.jobs[each].test for each in self.running)
        groups = {self.jobs[each].group for each in self.running} - {""}
        for job_id, job in self.jobs.items():
            if job_id in self.finished or job_id in self.running or job_id in self.paused:
                continue
            if set(job.image_keys) & self.open_images or any(each not in self.finished for each in job.needs):
                continue
            if job.group in groups or (job.max_parallel and tests[job.test] >= job.max_parallel):
                continue
            wanted = policy.demand_of(job)
            assert not policy.fits(wanted, self.budget, len(self.running), cpus, memory), f"{job_id} waits for nothing"


SchedulerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestScheduler = SchedulerMachine.TestCase
