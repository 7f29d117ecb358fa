from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from farm.errors import FarmError
from farm.journal import history
from farm.journal.history import NOTHING, Past, Result

ROOT = Path(__file__).resolve().parents[3]


def passed(job_id, duration_s=1.0):
    return Result(job_id, "passed", duration_s, False)


def failed(job_id, duration_s=1.0):
    return Result(job_id, "failed", duration_s, True)


def rows(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(
            "SELECT run.name, job.name, outcome FROM result JOIN run ON run = run.id JOIN job ON job = job.id"
        ).fetchall()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / history.FILE)


def test_of_no_runs_nothing_is_known_and_nothing_is_made(path, tmp_path):
    assert history.read(path) == NOTHING
    assert not list(tmp_path.iterdir())


def test_what_failed_last_and_what_to_expect(path):
    history.record(path, "r1", 1.0, [passed("a", 10.0), failed("b", 2.0)])
    assert history.read(path) == Past({"a": 10.0, "b": 2.0}, frozenset({"b"}))
    history.record(path, "r2", 2.0, [failed("a", 20.0), passed("b", 2.0)])
    assert history.read(path) == Past({"a": 14.0, "b": 2.0}, frozenset({"a"}))


def test_an_end_that_was_not_its_own_says_nothing(path):
    history.record(path, "r1", 1.0, [failed("a", 4.0), passed("b", 4.0)])
    history.record(path, "r2", 2.0, [Result("a", "cancelled", 0.5, None), Result("b", "skipped", 0.0, None)])
    assert history.read(path) == Past({"a": 4.0, "b": 4.0}, frozenset({"a"}))
    assert len(rows(path)) == 4


def test_an_error_without_an_attempt_changes_no_expectation(path):
    history.record(path, "r1", 1.0, [passed("a", 4.0)])
    history.record(path, "r2", 2.0, [Result("a", "error", 0.0, True)])
    assert history.read(path) == Past({"a": 4.0}, frozenset({"a"}))


def test_of_repetitions_one_that_was_bad_is_enough(path):
    history.record(path, "r1", 1.0, [failed("a"), passed("a"), passed("a")])
    assert history.read(path).failed == {"a"}
    assert len(rows(path)) == 3


def test_a_run_that_was_resumed_replaces_itself_and_counts_once(path):
    history.record(path, "r1", 1.0, [passed("a", 10.0)])
    history.record(path, "r1", 1.0, [passed("a", 20.0), failed("b", 3.0)])
    assert history.read(path) == Past({"a": 10.0, "b": 3.0}, frozenset({"b"}))
    assert sorted(rows(path)) == [("r1", "a", "passed"), ("r1", "b", "failed")]


RECORD_MANY = """
import sys
from farm.journal import history
from tests.unit.journal.test_history import passed
path, run = sys.argv[1:]
for number in range(10):
    history.record(path, f"{run}-{number}", 1.0, [passed(f"job-{each}") for each in range(50)])
"""


def test_two_farms_write_at_once(path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    farms = [subprocess.Popen([sys.executable, "-c", RECORD_MANY, path, name], env=environment) for name in ("x", "y")]
    for each in farms:
        assert each.wait(60) == 0
    assert len(rows(path)) == 2 * 10 * 50
    assert len(history.read(path).expected_s) == 50


def test_what_is_no_history_is_refused_and_left_alone(path, tmp_path):
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database at all, but as long as one" * 20)
    with pytest.raises(FarmError, match="cannot be read") as caught:
        history.read(str(broken))
    assert "move it away" in caught.value.remedy
    with pytest.raises(FarmError, match="cannot be written"):
        history.record(str(broken), "r2", 1.0, [passed("a")])
    assert broken.read_bytes().startswith(b"no database")


def test_a_run_that_was_merged_replaces_its_parts_and_counts_once(path):
    history.record(path, "r1", 1.0, [passed("a", 10.0)])
    history.record(path, "r2", 2.0, [failed("b", 10.0)])
    history.record(
        path, "m", 1.0, [passed("a", 99.0), failed("b", 99.0), passed("c", 1.0)], replaces=["r1", "r2", "r9", "\udce9"]
    )
    assert history.read(path) == Past({"a": 10.0, "b": 10.0, "c": 1.0}, frozenset({"b"}))
    assert sorted(rows(path)) == [("m", "a", "passed"), ("m", "b", "failed"), ("m", "c", "passed")]


def test_a_run_of_before_does_not_say_how_a_job_ended_last(path):
    history.record(path, "r2", 2000.0, [passed("a", 10.0)])
    history.record(path, "r1", 1000.0, [failed("a", 20.0), failed("b", 2.0)])
    assert history.read(path) == Past({"a": 14.0, "b": 2.0}, frozenset({"b"}))


def test_an_odd_id_is_found_again(path):
    history.record(path, "r1", 1.0, [failed("a\0b é")])
    assert history.read(path).failed == {"a\0b é"}
