from __future__ import annotations

import pytest

from farm.schedule.estimate import Estimate


def test_nothing_is_said_before_something_runs_or_of_new_jobs_before_one_ended() -> None:
    estimate = Estimate({"a": None, "b": None})
    assert estimate.left_s(0.0) is None
    estimate.started("a", 0.0)
    assert estimate.left_s(1.0) is None
    estimate.finished("a", 2.0)
    assert estimate.left_s(2.0) == 2.0


def test_the_work_that_is_left_over_what_runs_at_once() -> None:
    estimate = Estimate(dict.fromkeys("abcd", 10.0))
    for each in "ab":
        estimate.started(each, 0.0)
    assert estimate.left_s(0.0) == 20.0
    assert estimate.left_s(5.0) == 15.0
    for each in "ab":
        estimate.finished(each, 10.0)
    for each in "cd":
        estimate.started(each, 10.0)
    assert estimate.left_s(12.0) == 8.0


def test_the_longest_that_runs_is_the_least_that_is_left() -> None:
    estimate = Estimate({"long": 60.0, "a": 1.0, "b": 1.0})
    for each in ("long", "a", "b"):
        estimate.started(each, 0.0)
    assert estimate.left_s(10.0) == 50.0


def test_a_new_job_takes_the_mean_of_those_that_ended_and_of_what_new_ones_have_taken_by_now() -> None:
    estimate = Estimate(dict.fromkeys("abcd"))
    estimate.started("a", 0.0)
    estimate.finished("a", 4.0)
    estimate.started("b", 4.0)
    assert estimate.left_s(4.0) == 12.0
    assert estimate.left_s(6.0) == (4.0 + 2.0) * 3 - 2.0
    estimate.finished("b", 12.0)
    assert estimate.left_s(12.0) == 2 * 6.0


def test_a_new_job_among_known_ones_takes_what_is_usual_for_them() -> None:
    estimate = Estimate({"a": 2.0, "b": 4.0, "new": None})
    estimate.started("a", 0.0)
    assert estimate.left_s(0.0) == 2.0 + 4.0 + 3.0


def test_a_run_that_is_slower_than_others_were_stays_so() -> None:
    estimate = Estimate(dict.fromkeys("abcdef", 2.0))
    for number, each in enumerate("abc"):
        estimate.started(each, number * 6.0)
        estimate.finished(each, number * 6.0 + 6.0)
    assert estimate.left_s(18.0) == pytest.approx(3 * 6.0)


def test_what_took_longer_than_expected_is_about_to_end_and_what_never_runs_takes_nothing() -> None:
    estimate = Estimate({"a": 2.0, "skipped": 500.0, "new": None})
    estimate.started("a", 0.0)
    estimate.finished("skipped", 1.0)
    estimate.finished("new", 1.0)
    assert estimate.left_s(10.0) == 0.0
    estimate.finished("a", 11.0)
    assert estimate.left_s(11.0) == 0.0


def test_all_attempts_of_a_job_count() -> None:
    estimate = Estimate(dict.fromkeys("ab"))
    for begun_s in (0.0, 5.0):
        estimate.started("a", begun_s)
        if not begun_s:
            estimate.retried("a", 4.0)
    estimate.finished("a", 7.0)
    assert estimate.left_s(7.0) == 4.0 + 2.0
