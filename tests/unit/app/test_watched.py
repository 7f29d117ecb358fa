"""A run as those who show it look at it."""

from __future__ import annotations

from farm.app.watched import Watched
from farm.journal.history import Past
from farm.schedule.driver import Driver
from farm.schedule.standing import Why
from farm.schedule.state import Scheduler
from tests.unit.schedule.jobs import make_job
from tests.unit.schedule.test_driver import GIVEN, FakeEngine, Recorder


def test_a_repetition_is_expected_to_take_what_its_job_takes() -> None:
    jobs = [make_job("a"), make_job("a#2"), make_job("new")]
    recorder, engine = Recorder(), FakeEngine()
    driver = Driver(Scheduler(jobs, GIVEN), jobs, engine, recorder, recorder)
    watched = Watched("/run", driver, engine, jobs, Past({"a": 3.0, "gone": 5.0}, frozenset()))
    assert watched.expected_s() == {"a": 3.0, "a#2": 3.0, "new": None}
    assert watched.standing().waiting == {Why.IMAGE: 3}
    assert watched.look("a") is None
