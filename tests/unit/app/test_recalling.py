"""What a run's report says of the runs before it, in the terminal's last words and in results.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.app.sides import side
from farm.errors import UsageError
from farm.journal import history
from farm.journal.history_reader import reading
from farm.model.outcome import Outcome
from farm.model.run import Asked
from tests.unit.app.pasts import ended, journal, run_id, shard


def baseline(reports: Path, number: int) -> dict[str, object]:
    return json.loads((reports / run_id(number) / "results.json").read_text())["baseline"]


def test_a_first_run_has_nothing_to_compare_with(tmp_path: Path) -> None:
    assert "still failing" not in ended(tmp_path, 1, {"a/d": "F"})
    assert baseline(tmp_path, 1) is None


def test_the_next_run_says_what_changed(tmp_path: Path) -> None:
    ended(tmp_path, 1, {"a/d": "F", "b/d": "P", "c/d": "F", "d/d#2": "P"})
    said = ended(tmp_path, 2, {"a/d": "P", "b/d": "F", "c/d": "F", "d/d#2": "F"})
    assert f"2 new, 1 fixed, 1 still failing, against {run_id(1)}\n" in said
    assert "failed b/d (new): it failed" in said
    assert f"failed c/d (since {run_id(1)}): it failed" in said
    assert baseline(tmp_path, 2) == {
        "run": run_id(1),
        "changes": {"a/d": "fixed", "b/d": "new", "c/d": "still", "d/d#2": "new"},
        "since": {"b/d": run_id(2), "c/d": run_id(1), "d/d#2": run_id(2)},
    }


def test_a_selection_and_an_interrupted_run_are_no_baseline(tmp_path: Path) -> None:
    ended(tmp_path, 1, {"a/d": "P", "b/d": "P"})
    ended(tmp_path, 2, {"a/d": "F"}, asked=Asked(keyword="a"))
    ended(tmp_path, 3, {"a/d": "P", "b/d": "c"})
    ended(tmp_path, 4, {"a/d": "F", "b/d": "c"}, asked=Asked(max_fail=1))
    ended(tmp_path, 5, {"a/d": "F", "b/d": "P"}, name="smoke")
    assert f"1 new, 0 fixed, 0 still failing, against {run_id(1)}" in ended(tmp_path, 6, {"a/d": "F", "b/d": "P"})


def test_a_part_is_compared_with_the_same_part(tmp_path: Path) -> None:
    ended(tmp_path, 1, {"a/d": "F"}, asked=shard(1, 2))
    ended(tmp_path, 2, {"b/d": "F"}, asked=shard(2, 2))
    assert f"1 still failing, against {run_id(1)}" in ended(tmp_path, 3, {"a/d": "F"}, asked=shard(1, 2))


def test_the_baseline_that_was_asked_for(tmp_path: Path) -> None:
    for number, letter in enumerate("PF", 1):
        ended(tmp_path, number, {"a/d": letter})
    said = ended(tmp_path, 3, {"a/d": "F"}, asked=Asked(baseline=run_id(1)))
    assert f"1 new, 0 fixed, 0 still failing, against {run_id(1)}" in said
    said = ended(tmp_path, 4, {"a/d": "F"}, asked=Asked(baseline="gone"))
    assert "nothing to compare with: there is no run gone" in said
    assert "still failing" not in said


def test_what_a_run_was_is_remembered(tmp_path: Path) -> None:
    ended(tmp_path, 1, {"a/d": "~", "a/d#2": "P", "b/d": "s"}, asked=shard(2, 3))
    with reading(str(tmp_path / history.FILE)) as found:
        assert found is not None
        (run,) = found.runs
        results = found.results(run)
    assert (run.id, run.matrix, run.status, run.shard, run.whole) == (run_id(1), "nightly", "good", "2/3", False)
    assert [(each.outcome, each.attempts) for each in results["a/d"]] == [(Outcome.FLAKY, 2), (Outcome.PASSED, 1)]
    assert [(each.outcome, each.attempts) for each in results["b/d"]] == [(Outcome.SKIPPED, 0)]


def test_a_history_that_cannot_be_read_costs_no_report(tmp_path: Path) -> None:
    (tmp_path / history.FILE).write_bytes(b"no database at all, but as long as one" * 20)
    said = ended(tmp_path, 1, {"a/d": "F"})
    assert "the history of runs cannot be written" in said
    assert "1 of 1 job bad" in said


def test_a_matrix_whose_file_is_called_by_no_utf_8_has_a_past_too(tmp_path: Path) -> None:
    ended(tmp_path, 1, {"a/d": "F"}, name="caf\udce9")
    ended(tmp_path, 2, {"a/d": "P"}, name="caf")
    assert f"1 still failing, against {run_id(1)}" in ended(tmp_path, 3, {"a/d": "F"}, name="caf\udce9")


def test_a_side_is_found_by_its_name_in_the_history_or_by_its_folder(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    ended(reports, 1, {"a/d": "F", "a/d#2": "P"})
    ended(reports, 2, {"a/d": "P"})
    killed = journal(reports, 3, {"a/d": "F", "b/d": "-"}, killed=True)
    elsewhere = journal(tmp_path / "elsewhere", 4, {"c/d": "F"})
    (reports / run_id(1)).rename(tmp_path / "away")
    assert side(str(reports), run_id(1)).jobs["a/d"].outcome is Outcome.FAILED
    assert side(str(reports), "latest").id == run_id(2)
    assert side(str(reports), killed.name[:-1]).jobs.keys() == {"a/d"}
    assert side(str(reports), str(elsewhere)).jobs.keys() == {"c/d"}
    with pytest.raises(UsageError, match="several runs begin with 2026"):
        side(str(reports), "2026")
    with pytest.raises(UsageError, match="there is no run") as caught:
        side(str(reports), run_id(1) + "x")
    assert f"near it: {run_id(1)}" in caught.value.detail


def test_from_the_journal_a_side_is_what_it_is_from_the_history(tmp_path: Path) -> None:
    jobs = {"a/d": "F", "a/d#2": "P", "b/d": "~", "c/d": "s", "d/d": "c", "e/d": "-"}
    ended(tmp_path, 1, jobs)
    known = side(str(tmp_path), run_id(1))
    (tmp_path / history.FILE).unlink()
    assert side(str(tmp_path), run_id(1)) == known
    assert known.jobs.keys() == {"a/d", "b/d", "c/d", "d/d"}
