"""What reports are told of earlier runs, from histories that real runs' writer made."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.journal import history
from farm.journal.flakiness import flakiness, together
from farm.journal.history import Kind, Result
from farm.journal.history_reader import PastRun, baseline, reading
from farm.journal.memory import Now, changed, memory
from farm.journal.trends import course, flaky
from farm.model.memory import Change, JobMemory, Memory
from farm.model.outcome import Outcome
from tests.unit.journal.test_flakiness import LETTERS

NIGHTLY = Kind("nightly", "good", whole=True)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / history.FILE)


def write(path: str, at: int, kind: Kind = NIGHTLY, /, **jobs: str) -> None:
    """The run that began ``at``, each of ``jobs`` with the letters of its repetitions."""
    results = [
        Result(job, LETTERS[letter], 2.0 + at, LETTERS[letter].bad if LETTERS[letter].own else None)
        for job, letters in jobs.items()
        for letter in letters
    ]
    history.record(path, f"r{at}", float(at), results, kind)


def recalled(path: str, at: int, **jobs: str) -> Memory:
    """For a run of ``nightly`` that began ``at`` and is not in the history yet."""
    now = Now("now", float(at), "nightly", {job: [LETTERS[letter] for letter in text] for job, text in jobs.items()})
    with reading(path) as found:
        assert found is not None
        base = baseline(found.runs, at, "nightly")
        ends = found.results(base) if base else {}
        before = {job: together([each.outcome for each in several]) for job, several in ends.items()}
        return memory(found, now, base.id if base else "", before)


def test_changes_against_the_baseline_and_since_when(path: str) -> None:
    write(path, 1, a="P", b="F", c="F", d="P", e="P", g="F")
    write(path, 2, a="P", b="F", c="F", d="P", e="s", g="c")
    found = recalled(path, 3, a="F", b="T", c="P", d="P", e="F", f="F", g="F")
    assert found.baseline == "r2"
    assert {job: each.change for job, each in found.jobs.items()} == {
        "a": Change.NEW,
        "b": Change.STILL,
        "c": Change.FIXED,
        "d": None,
        "e": None,  # the baseline skipped it
        "f": None,  # the baseline did not have it
        "g": None,
    }
    assert {job: each.since for job, each in found.jobs.items()} == {
        "a": "now",
        "b": "r1",
        "c": "",
        "d": "",
        "e": "now",
        "f": "now",
        "g": "r1",
    }


def test_the_trend_is_of_thirty_runs_and_since_of_all(path: str) -> None:
    for at in range(1, 41):
        write(path, at, a="P" if at < 3 else "F", b="PPF")
    found = recalled(path, 41, a="F", b="P").jobs
    assert [each.run for each in found["a"].trend] == [f"r{at}" for at in range(11, 41)]
    assert found["a"].trend[-1].duration_s == 42.0
    assert found["a"].since == "r3"
    assert {each.outcome for each in found["b"].trend} == {Outcome.FAILED}
    assert found["b"].flakiness > 0.5  # type: ignore[operator]
    assert found["a"].flakiness == 0.0


def test_other_matrices_are_others(path: str) -> None:
    write(path, 1, a="F")
    write(path, 2, Kind("smoke", "good", whole=True), a="P")
    write(path, 3, a="F")
    found = recalled(path, 4, a="F")
    assert found.baseline == "r3"
    assert found.jobs["a"].since == "r1"
    assert [each.run for each in found.jobs["a"].trend] == ["r1", "r3"]


def test_of_a_run_that_is_recorded_only_what_came_before(path: str) -> None:
    for at in (1, 2, 3):
        write(path, at, a="F")
    with reading(path) as found:
        assert found is not None
        known = memory(found, Now("r2", 2.0, "nightly", {"a": [Outcome.FAILED]}), "", {})
    assert [each.run for each in known.jobs["a"].trend] == ["r1"]
    assert known.jobs["a"].since == "r1"


def test_nothing_is_known_of_a_first_run(path: str) -> None:
    write(path, 5, Kind("other", "good"), a="P")
    assert recalled(path, 4, a="P", b="F") == Memory("", {"a": JobMemory(), "b": JobMemory(since="now")})
    with reading(path + "x") as nothing:
        assert nothing is None


def run(number: int, **changed: object) -> PastRun:
    known = {"matrix": "nightly", "status": "bad", "shard": "", "whole": True}
    return PastRun(number, f"r{number}", float(number), **(known | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("second", "shard", "expected"),
    [
        ({}, "", "r2"),
        ({"matrix": "smoke"}, "", "r1"),
        ({"status": "interrupted"}, "", "r1"),
        ({"status": "deadline"}, "", "r1"),
        ({"status": "aborted"}, "", "r1"),
        ({"status": "infrastructure"}, "", "r2"),
        ({"whole": False}, "", "r1"),
        ({"whole": False, "shard": "1/2"}, "1/2", "r2"),
        ({"whole": False, "shard": "2/2"}, "1/2", "r1"),
    ],
)
def test_the_baseline_is_the_last_run_that_ended_and_had_the_jobs(second, shard: str, expected: str) -> None:
    found = baseline((run(1), run(2, **second), run(3)), 3, "nightly", shard)
    assert found is not None
    assert found.id == expected


def test_a_part_is_better_than_nothing_to_compare_with() -> None:
    found = baseline((run(1, whole=False, matrix="", status=""),), 2, "nightly")
    assert found is not None
    assert baseline((run(1, status="interrupted"),), 2, "nightly") is None


def test_what_has_no_end_of_its_own_has_not_changed() -> None:
    assert changed(Outcome.FAILED, None) is None
    assert changed(Outcome.PASSED, Outcome.CANCELLED) is None
    assert changed(Outcome.FAILED, Outcome.FLAKY) is Change.FIXED


def test_flaky_jobs_those_first_that_are_so_most_certainly(path: str) -> None:
    for at in range(1, 41):
        write(path, at, good="P", broken="P" if at < 30 else "F", often="PF"[at % 2], rare="F" if at == 25 else "P")
        if at > 33:
            write(path, 100 + at, Kind("smoke", "bad"), rare="P~"[at % 2])
    with reading(path) as found:
        assert found is not None
        flaked = flaky(found)
        shown = [(each.job_id, each.matrix, each.flakiness.results, each.flakiness.turns) for each in flaked]
        assert shown == [("often", "nightly", 30, 28), ("rare", "smoke", 7, 3), ("rare", "nightly", 30, 1)]
        assert flaked[0].last.id == "r40"
        assert len(flaked[0].outcomes) == 30
        ends = course(found, found.jobs()["rare"], 3)
    assert [(past.id, end.outcome) for past, end in ends] == [
        ("r138", Outcome.PASSED),
        ("r139", Outcome.FLAKY),
        ("r140", Outcome.PASSED),
    ]


def test_results_of_a_later_farm_are_left_out(path: str) -> None:
    history.record(path, "r1", 1.0, [Result("a", "exploded", 1.0, True), Result("b", "passed", 1.0, False)], NIGHTLY)
    with reading(path) as found:
        assert found is not None
        assert list(found.results(found.runs[0])) == ["b"]
        assert flaky(found) == ()
        assert course(found, found.jobs()["a"], 9) == ()
    assert recalled(path, 2, a="F").jobs["a"] == JobMemory(since="now")


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.text("PFT~sc", min_size=1, max_size=3), min_size=1, max_size=40),
    st.text("PF~s", min_size=1, max_size=2),
)
def test_it_is_what_looking_at_every_run_would_find(courses: list[str], now: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, history.FILE)
        for at, letters in enumerate(courses, 1):
            write(path, at, a=letters)
        found = recalled(path, len(courses) + 1, a=now).jobs["a"]
    ends = [[LETTERS[letter] for letter in letters] for letters in [*courses, now]]
    each_run = [together(outcomes) for outcomes in ends]
    assert [each.outcome for each in found.trend] == each_run[-31:-1]
    assert found.flakiness == flakiness([outcome for outcomes in ends[-30:] for outcome in outcomes]).score
    assert found.change == changed(each_run[-2], each_run[-1])
    names = [*(f"r{at}" for at in range(1, len(courses) + 1)), "now"]
    own = [(name, outcome) for name, outcome in zip(names, each_run, strict=True) if outcome.own]
    broken = [name for name, _ in itertools.takewhile(lambda pair: pair[1].bad, reversed(own))]
    assert found.since == (broken[-1] if each_run[-1].bad else "")
