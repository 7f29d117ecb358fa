"""What a run that was killed tells the one that goes on with it."""

from __future__ import annotations

from dataclasses import replace

from farm.app.earlier import went_on_s
from farm.model.job import Attempt
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord, Sample
from tests.unit.report.runs import info
from tests.unit.schedule.jobs import make_job

BEGAN = info().started_at


def run(*attempts: Attempt, samples: tuple[Sample, ...] = ()) -> RunRecord:
    return RunRecord(info(), (JobRecord(make_job("a"), attempts),), samples=samples)


def test_nothing_went_on_of_a_new_run_or_one_without_an_attempt() -> None:
    assert went_on_s(None) == 0
    assert went_on_s(run()) == 0


def test_it_went_on_to_its_last_sign_of_life() -> None:
    old = Attempt("a", 1, Outcome.PASSED, BEGAN + 5, 1.0, 2.0)
    assert went_on_s(run(old)) == 8
    new = replace(old, began_s=4.0)
    assert went_on_s(run(new)) == 7
    assert went_on_s(run(new, samples=(Sample(3.0, 0, 0), Sample(9.0, 0, 0)))) == 9


def test_the_night_between_a_kill_and_going_on_does_not_count() -> None:
    resumed = Attempt("a", 2, Outcome.PASSED, BEGAN + 40_000, 0.5, 0.5, began_s=10.0)
    assert went_on_s(run(Attempt("a", 1, Outcome.FAILED, BEGAN + 5, 0.0, 2.0, began_s=5.0), resumed)) == 11
