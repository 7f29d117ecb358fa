"""What the scheduler answers to each event; any order of events at once is ``test_machine``'s."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm.model.job import ImageKey
from farm.model.limits import Limits
from farm.model.outcome import Outcome
from farm.model.rules import Retries
from farm.model.service import Service
from farm.schedule import policy
from farm.schedule.events import (
    AttemptEnded,
    Begin,
    Cancel,
    Done,
    Dropped,
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
from farm.schedule.retry import Tried
from farm.schedule.state import EXHAUSTED_MOST, PATIENCE, Scheduler
from tests.unit.schedule.jobs import MIB, PREPARED, TOOLS, A, B, begun, failed, make_job, passed

ONE_SLOT = policy.budget(1, 100 * MIB, slots=1)
NO_CONTAINER = "clone3: EAGAIN"


def starts(commands):
    return [each.job_id for each in commands if isinstance(each, Start)]


def finishes(commands):
    return {each.job_id: each.outcome for each in commands if isinstance(each, Finish)}


# Images and room


def test_jobs_start_in_order_as_slots_come_free() -> None:
    scheduler, commands = begun([make_job("1"), make_job("2")], ONE_SLOT)
    assert commands == (Start("1", 1),)
    assert scheduler.step(passed("1")) == (Finish("1", Outcome.PASSED, ""), Start("2", 1))
    assert scheduler.step(failed("2")) == (Finish("2", Outcome.FAILED, "exit status 1"), Done())


def test_ranks_are_the_order() -> None:
    jobs = [make_job("1"), make_job("2"), make_job("3")]
    scheduler, commands = begun(jobs, ONE_SLOT, ranks=[2, 0, 1])
    assert starts(commands) == ["2"]
    assert starts(scheduler.step(passed("2"))) == ["3"]


def test_a_job_that_can_never_fit_is_an_error_at_once_with_the_numbers() -> None:
    scheduler = Scheduler([make_job("1", memory_bytes=200 * MIB)], policy.budget(1, 100 * MIB))
    finish, done = scheduler.step(Begin())
    assert isinstance(finish, Finish)
    assert finish.outcome is Outcome.ERROR
    assert "200 MiB" in finish.reason
    assert "100 MiB" in finish.reason
    assert done == Done()


def test_a_failed_image_ends_its_own_jobs_only() -> None:
    scheduler = Scheduler([make_job("1"), make_job("2", B)], policy.budget(1, 100 * MIB))
    scheduler.step(Begin())
    assert scheduler.step(ImageFailed(A, "no such file")) == (Finish("1", Outcome.ERROR, "no such file"),)
    assert scheduler.step(ImageReady(B)) == (Start("2", 1),)


def test_jobs_wait_for_what_prepares_their_image_while_others_of_the_distro_run() -> None:
    jobs = [make_job("1", PREPARED), make_job("2"), make_job("3", ImageKey("a", replace(TOOLS, where="m.yaml:9:1")))]
    scheduler = Scheduler(jobs, policy.budget(4, 100 * MIB))
    scheduler.step(Begin())
    assert scheduler.step(ImageReady(A)) == (Start("2", 1),)
    assert scheduler.step(ImageReady(PREPARED)) == (Start("1", 1), Start("3", 1))


def test_a_job_waits_for_the_images_of_its_services_and_takes_their_room_too() -> None:
    service = Service("db", "b", ("sh",), "", limits=Limits(cpus=1.0, memory_bytes=60 * MIB))
    jobs = [make_job("1", memory_bytes=30 * MIB, services=(service,)), make_job("2", memory_bytes=30 * MIB)]
    scheduler = Scheduler(jobs, policy.Budget(9, 9.0, 100 * MIB, 100 * MIB, 4))
    scheduler.step(Begin())
    assert scheduler.step(ImageReady(A)) == (Start("2", 1),)
    assert scheduler.step(ImageReady(B)) == ()
    assert starts(scheduler.step(passed("2"))) == ["1"]
    scheduler = Scheduler(jobs, policy.budget(4, 100 * MIB))
    scheduler.step(Begin())
    assert scheduler.step(ImageFailed(B, "no such file")) == (Finish("1", Outcome.ERROR, "no such file"),)
    assert scheduler.step(ImageReady(A)) == (Start("2", 1),)


def test_an_interrupt_cancels_what_waits_for_its_prepare_which_may_still_end_either_way() -> None:
    for late in (ImageReady(PREPARED), ImageFailed(PREPARED, "given up")):
        scheduler = Scheduler([make_job("1", PREPARED), make_job("2")], policy.budget(4, 100 * MIB))
        scheduler.step(Begin())
        scheduler.step(ImageReady(A))
        assert finishes(scheduler.step(Interrupted())) == {"1": Outcome.CANCELLED}
        assert scheduler.step(late) == ()
        assert scheduler.step(passed("2"))[-1] == Done()


def test_a_large_job_is_not_passed_for_ever() -> None:
    small = [make_job(f"small-{n}", memory_bytes=200 * MIB) for n in range(3 * PATIENCE)]
    large = make_job("large", memory_bytes=400 * MIB)
    budget = policy.Budget(9, 9.0, 400 * MIB, 400 * MIB, 1)
    scheduler, commands = begun([small[0], small[1], large, *small[2:]], budget)
    running = starts(commands)
    started = len(running)
    while running != ["large"]:
        new = starts(scheduler.step(passed(running.pop(0))))
        running += new
        started += len(new)
        assert started <= PATIENCE + 3


# Attempts


def test_a_bad_attempt_is_made_again_and_a_pass_after_it_is_flaky() -> None:
    scheduler, _ = begun([make_job("1", retries=2)])
    assert scheduler.step(failed("1")) == (Retry("1"), Start("1", 2))
    assert scheduler.step(failed("1")) == (Retry("1"), Start("1", 3))
    finish, done = scheduler.step(passed("1"))
    assert finish == Finish("1", Outcome.FLAKY, "passed at attempt 3, after failed (exit status 1)")
    assert done == Done()


def test_the_last_attempt_is_the_outcome_once_there_are_no_more() -> None:
    scheduler, _ = begun([make_job("1", retries=1)])
    scheduler.step(failed("1"))
    assert scheduler.step(AttemptEnded("1", Outcome.TIMEOUT, "too long")) == (
        Finish("1", Outcome.TIMEOUT, "too long"),
        Done(),
    )


@pytest.mark.parametrize(
    ("rules", "ended", "again"),
    [
        (Retries(1), failed("1"), True),
        (Retries(1, (Outcome.TIMEOUT,)), failed("1"), False),
        (Retries(1, (Outcome.TIMEOUT,)), AttemptEnded("1", Outcome.TIMEOUT), True),
        (Retries(1, (), (75,)), failed("1", 75), True),
        (Retries(1, (), (75,)), failed("1", 74), False),
        (Retries(1, (), (0,)), passed("1"), False),
        (Retries(0), failed("1"), False),
        (Retries(1), AttemptEnded("1", Outcome.SKIPPED, "", 77), False),
        (Retries(1, (Outcome.CANCELLED, Outcome.SKIPPED)), AttemptEnded("1", Outcome.CANCELLED), False),
        (Retries(1, (Outcome.CANCELLED, Outcome.SKIPPED)), AttemptEnded("1", Outcome.SKIPPED), False),
    ],
)
def test_what_is_retried(rules, ended, again) -> None:
    scheduler, _ = begun([make_job("1", retries=rules)])
    assert (Retry("1") in scheduler.step(ended)) == again


def test_a_retry_that_is_skipped_or_cancelled_leaves_what_was_bad_before() -> None:
    scheduler, _ = begun([make_job("1", retries=1), make_job("2", retries=1)])
    scheduler.step(failed("1"))
    (finish,) = scheduler.step(AttemptEnded("1", Outcome.SKIPPED, "exit status 77", 77))
    assert finish == Finish("1", Outcome.FAILED, "exit status 1; another attempt was skipped (exit status 77)")
    scheduler.step(failed("2"))
    scheduler.step(Killed())
    finish, _ = scheduler.step(AttemptEnded("2", Outcome.CANCELLED, "stopped before it ended"))
    assert isinstance(finish, Finish)
    assert finish.outcome is Outcome.FAILED


def test_nothing_is_tried_again_once_the_run_is_stopped() -> None:
    scheduler, _ = begun([make_job("1", retries=1), make_job("2", retries=1)], ONE_SLOT)
    scheduler.step(Interrupted())
    assert finishes(scheduler.step(failed("1"))) == {"1": Outcome.FAILED}


def test_a_job_that_waits_for_its_retry_when_the_run_is_stopped_has_failed() -> None:
    scheduler = Scheduler([make_job("1", retries=1), make_job("2", B)], ONE_SLOT, ranks=[1, 0])
    scheduler.step(Begin())
    scheduler.step(ImageReady(A))
    scheduler.step(ImageReady(B))
    assert scheduler.step(failed("1")) == (Retry("1"), Start("2", 1))
    why = "another attempt was cancelled (the run was interrupted before it started)"
    assert scheduler.step(Interrupted()) == (Finish("1", Outcome.FAILED, f"exit status 1; {why}"),)


def test_attempts_of_before_count() -> None:
    tried = {"1": Tried(1, Outcome.FAILED, "exit status 3"), "2": Tried(2, Outcome.FAILED, "exit status 3")}
    scheduler, commands = begun([make_job("1", retries=2), make_job("2", retries=2)], tried=tried)
    assert commands == (Start("1", 2), Start("2", 3))
    assert scheduler.step(passed("1"))[0] == Finish(
        "1", Outcome.FLAKY, "passed at attempt 2, after failed (exit status 3)"
    )
    assert finishes(scheduler.step(failed("2"))) == {"2": Outcome.FAILED}


# Exhaustion and pressure


def test_C11_an_exhausted_host_is_waited_for_and_fewer_run_at_once() -> None:
    jobs = [make_job(str(n)) for n in range(8)]
    scheduler, commands = begun(jobs, policy.budget(4, 1000 * MIB, slots=4))
    assert starts(commands) == ["0", "1", "2", "3"]
    exhausted = AttemptEnded("0", Outcome.ERROR, NO_CONTAINER, exhausted=True)
    assert scheduler.step(exhausted) == (Wait("0", 0.1),)
    assert scheduler.at_most == 3
    assert scheduler.step(passed("1")) == (Finish("1", Outcome.PASSED, ""), Start("4", 1))
    assert scheduler.step(Waited("0")) == ()
    assert starts(scheduler.step(passed("2"))) == ["0"]
    assert starts(scheduler.step(passed("3"))) == ["5", "6"]
    assert scheduler.at_most == 4


def test_C11_a_host_that_stays_exhausted_is_an_error_in_the_end() -> None:
    scheduler, _ = begun([make_job("1")])
    exhausted = AttemptEnded("1", Outcome.ERROR, NO_CONTAINER, exhausted=True)
    waited_s = 0.0
    for _ in range(EXHAUSTED_MOST):
        (wait,) = scheduler.step(exhausted)
        assert isinstance(wait, Wait)
        waited_s += wait.delay_s
        assert scheduler.step(Waited("1")) == (Start("1", 1),)
    assert scheduler.step(exhausted) == (Finish("1", Outcome.ERROR, NO_CONTAINER), Done())
    assert 10 < waited_s < 20


def test_under_pressure_few_run_at_once() -> None:
    scheduler = Scheduler([make_job(str(n)) for n in range(5)], policy.budget(4, 100 * MIB))
    scheduler.step(Begin())
    scheduler.step(Pressure(1))
    assert starts(scheduler.step(ImageReady(A))) == ["0"]
    assert starts(scheduler.step(passed("0"))) == ["1"]
    assert starts(scheduler.step(Pressure(2))) == ["2"]
    assert starts(scheduler.step(Pressure(0))) == ["3", "4"]


# Needs


def test_a_job_waits_for_what_it_needs() -> None:
    scheduler, commands = begun([make_job("1", needs=("2", "3")), make_job("2"), make_job("3", expect="fail")])
    assert starts(commands) == ["2", "3"]
    assert starts(scheduler.step(passed("2"))) == []
    assert starts(scheduler.step(AttemptEnded("3", Outcome.XFAILED))) == ["1"]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.FAILED, "which failed"),
        (Outcome.ERROR, "which could not run"),
        (Outcome.SKIPPED, "which was skipped"),
        (Outcome.CANCELLED, "which was cancelled"),
        (Outcome.XPASSED, "which passed unexpectedly"),
    ],
)
def test_an_unmet_need_skips_and_so_on(outcome, words) -> None:
    scheduler, _ = begun([make_job("3", needs=("2",)), make_job("2", needs=("1",)), make_job("1")])
    commands = scheduler.step(AttemptEnded("1", outcome))
    assert commands[1:] == (
        Finish("2", Outcome.SKIPPED, f"needs 1, {words}"),
        Finish("3", Outcome.SKIPPED, "needs 2, which was skipped"),
        Done(),
    )


def test_a_need_is_met_by_the_attempt_that_passes() -> None:
    scheduler, _ = begun([make_job("1", retries=1), make_job("2", needs=("1",))])
    assert starts(scheduler.step(failed("1"))) == ["1"]
    assert starts(scheduler.step(passed("1"))) == ["2"]


def test_jobs_in_a_circle_are_errors_and_not_the_end_of_the_scheduler() -> None:
    jobs = [make_job("1", needs=("2",)), make_job("2", needs=("1",)), make_job("3", needs=("2",)), make_job("4")]
    scheduler, commands = begun(jobs)
    assert finishes(commands) == {"1": Outcome.ERROR, "2": Outcome.SKIPPED, "3": Outcome.SKIPPED}
    assert scheduler.step(passed("4"))[-1] == Done()


def test_what_was_over_before_counts_for_needs_and_runs_no_more() -> None:
    jobs = [make_job("1"), make_job("2", needs=("1",)), make_job("3"), make_job("4", needs=("3",))]
    scheduler, commands = begun(jobs, ended={"1": Outcome.PASSED, "3": Outcome.FAILED})
    assert commands == (Finish("4", Outcome.SKIPPED, "needs 3, which failed"), Start("2", 1))
    assert scheduler.step(passed("2"))[-1] == Done()


def test_ten_thousand_jobs_in_one_chain() -> None:
    jobs = [make_job(str(n), needs=(str(n - 1),) if n else ()) for n in range(10_000)]
    scheduler, _ = begun(jobs)
    assert len(finishes(scheduler.step(failed("0")))) == 10_000


# What is never begun


def test_a_false_if_is_a_skip_with_its_reason() -> None:
    _, commands = begun([make_job("1", condition="distro.libc == 'glibc'"), make_job("2")])
    assert commands[0] == Finish("1", Outcome.SKIPPED, "distro.libc == 'glibc'")
    assert starts(commands) == ["2"]


def test_what_turns_out_to_be_skipped_at_its_start_gives_its_room_back() -> None:
    scheduler, commands = begun([make_job("1", condition="{{ x }}", late=True), make_job("2")], ONE_SLOT)
    assert starts(commands) == ["1"]
    assert scheduler.step(Dropped("1", Outcome.SKIPPED, "if: x is false")) == (
        Finish("1", Outcome.SKIPPED, "if: x is false"),
        Start("2", 1),
    )


# Bounds beside the budget


def test_max_parallel_bounds_a_test_and_others_pass() -> None:
    jobs = [make_job(str(n), test="t", max_parallel=2) for n in range(4)] + [make_job("other")]
    scheduler, commands = begun(jobs)
    assert starts(commands) == ["0", "1", "other"]
    assert starts(scheduler.step(passed("other"))) == []
    assert starts(scheduler.step(passed("1"))) == ["2"]


def test_one_job_of_a_group_at_a_time_whatever_its_test_and_demand() -> None:
    jobs = [make_job("1", group="db"), make_job("2", group="db", cpus=2.0), make_job("3"), make_job("4", group="web")]
    scheduler, commands = begun(jobs)
    assert starts(commands) == ["1", "3", "4"]
    assert starts(scheduler.step(passed("3"))) == []
    assert starts(scheduler.step(failed("1"))) == ["2"]


def test_fail_fast_cancels_the_tests_other_jobs_and_no_others() -> None:
    jobs = [make_job(str(n), test="t", max_parallel=2, fail_fast=True) for n in range(3)] + [make_job("other")]
    scheduler, _ = begun(jobs)
    commands = scheduler.step(failed("0"))
    why = "fail-fast: 0 was bad"
    assert commands == (
        Finish("0", Outcome.FAILED, "exit status 1"),
        Cancel("1"),
        Finish("2", Outcome.CANCELLED, why),
    )
    assert scheduler.step(AttemptEnded("1", Outcome.CANCELLED, "stopped")) == (Finish("1", Outcome.CANCELLED, why),)
    assert scheduler.step(passed("other"))[-1] == Done()


def test_fail_fast_waits_for_the_last_attempt() -> None:
    scheduler, _ = begun([make_job(str(n), test="t", fail_fast=True, retries=1) for n in range(2)])
    assert scheduler.step(failed("0")) == (Retry("0"), Start("0", 2))
    assert Cancel("1") in scheduler.step(failed("0"))


# The end of a run


def test_the_first_interrupt_drains_and_a_kill_cancels() -> None:
    scheduler, _ = begun([make_job("1"), make_job("2")], ONE_SLOT)
    (finish,) = scheduler.step(Interrupted())
    assert finish == Finish("2", Outcome.CANCELLED, "the run was interrupted before it started")
    assert scheduler.step(Interrupted()) == ()
    assert scheduler.step(Killed()) == (Cancel("1"),)
    assert scheduler.step(Killed()) == ()
    assert scheduler.step(AttemptEnded("1", Outcome.CANCELLED))[-1] == Done()


def test_what_needs_a_job_that_an_interrupt_cancels_is_cancelled_too() -> None:
    scheduler, _ = begun([make_job("1"), make_job("2"), make_job("3", needs=("2",))], ONE_SLOT)
    assert finishes(scheduler.step(Interrupted())) == {"2": Outcome.CANCELLED, "3": Outcome.CANCELLED}


def test_max_fail_stops_and_ends_what_runs() -> None:
    scheduler, _ = begun([make_job(str(n)) for n in range(4)], policy.budget(1, 100 * MIB, slots=2), max_fail=2)
    assert starts(scheduler.step(failed("0"))) == ["2"]
    commands = scheduler.step(failed("1"))
    why = "the run was stopped after 2 failures"
    assert commands[1:] == (Finish("3", Outcome.CANCELLED, f"{why} before it started"), Cancel("2"))
    assert scheduler.step(AttemptEnded("2", Outcome.CANCELLED)) == (Finish("2", Outcome.CANCELLED, why), Done())


def test_the_deadline_ends_everything_and_says_so() -> None:
    scheduler, _ = begun([make_job("1"), make_job("2")], ONE_SLOT)
    assert not scheduler.overdue
    why = "the run's deadline passed"
    assert scheduler.step(Overdue()) == (Finish("2", Outcome.CANCELLED, f"{why} before it started"), Cancel("1"))
    assert scheduler.step(AttemptEnded("1", Outcome.CANCELLED)) == (Finish("1", Outcome.CANCELLED, why), Done())
    assert scheduler.overdue


def test_a_deadline_after_the_end_is_none() -> None:
    scheduler, _ = begun([make_job("1")])
    scheduler.step(passed("1"))
    assert scheduler.step(Overdue()) == ()
    assert not scheduler.overdue


def test_a_run_of_no_jobs_is_done_at_once() -> None:
    assert Scheduler([], ONE_SLOT).step(Begin()) == (Done(),)


def test_start_tells_how_long_a_job_that_was_ready_waited() -> None:
    jobs = [make_job("1"), make_job("2"), make_job("3", needs=("1",))]
    scheduler = Scheduler(jobs, policy.budget(1, 100 * MIB, slots=1))
    scheduler.step(Begin(), 1.0)
    assert scheduler.step(ImageReady(A), 5.0) == (Start("1", 1, 0.0),)
    assert scheduler.waiting == 1
    # The third is ready from 7, when what it needs was good; the second has been since its image was there.
    assert scheduler.step(passed("1"), 7.0)[1:] == (Start("2", 1, 2.0),)
    assert scheduler.waiting == 1
    assert scheduler.step(passed("2"), 10.0)[1:] == (Start("3", 1, 3.0),)
    assert scheduler.waiting == 0


def test_a_retry_is_ready_when_the_attempt_before_it_ended_and_a_pause_is_part_of_the_wait() -> None:
    scheduler = Scheduler([make_job("1", retries=1)], policy.budget(1, 100 * MIB, slots=1))
    scheduler.step(Begin(), 0.0)
    scheduler.step(ImageReady(A), 1.0)
    assert scheduler.step(failed("1"), 9.0)[1:] == (Start("1", 2, 0.0),)
    scheduler.step(AttemptEnded("1", Outcome.ERROR, exhausted=True), 10.0)
    assert scheduler.step(Waited("1"), 12.0) == (Start("1", 2, 3.0),)
