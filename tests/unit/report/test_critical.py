"""The chain of jobs that a run waited for."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.run import JobRecord
from farm.report.critical import Step, path


def _job(name: str, began_s: float, took_s: float, *needs: str) -> JobRecord:
    job = Job(name, name, "d", (), ("sh",), "", needs=needs)
    attempt = Attempt(name, 1, Outcome.PASSED, 1000.0 + began_s, duration_s=took_s, began_s=began_s)
    return JobRecord(job, (attempt,), Outcome.PASSED)


def test_it_goes_through_the_need_that_ended_last():
    jobs = [_job("a", 0, 5), _job("b", 0, 9), _job("c", 10, 3, "a", "b"), _job("d", 0, 12)]
    assert path(jobs, 1000.0) == (Step(1, 0, 9, 0), Step(2, 10, 13, 1))


def test_all_attempts_of_a_job_are_one_step():
    job = _job("a", 1, 2)
    again = replace(job.attempts[0], number=2, began_s=5.0)
    assert path([replace(job, attempts=(*job.attempts, again))], 1000.0) == (Step(0, 1, 7, 1),)


def test_without_a_monotonic_time_the_wall_clock_tells():
    job = _job("a", 4, 2)
    assert path([replace(job, attempts=(replace(job.attempts[0], began_s=None),))], 1000.0) == (Step(0, 4, 6, 4),)


def test_nothing_ran():
    assert path([JobRecord(_job("a", 0, 1).job)], 0.0) == ()
    assert path([], 0.0) == ()


def test_a_need_that_is_not_in_the_run_or_never_ran_ends_it():
    never = JobRecord(_job("b", 0, 0).job)
    assert path([_job("a", 2, 1, "b", "gone"), never], 1000.0) == (Step(0, 2, 3, 2),)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100), st.lists(st.integers(0, 9), max_size=3)), max_size=10))
def test_it_ends_whatever_needs_say(rows):
    jobs = [_job(str(number), began, took, *map(str, needs)) for number, (began, took, needs) in enumerate(rows)]
    steps = path(jobs, 0.0)
    assert len({each.number for each in steps}) == len(steps)
    if jobs:
        assert steps[-1].ended_s == max(began + took for began, took, _ in rows)
