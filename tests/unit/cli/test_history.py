"""``history``, ``flaky`` and ``diff`` over histories that real runs left."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from farm.cli.main import cli, status
from farm.journal import history
from farm.journal.history import Kind, Result
from tests.unit.app.pasts import LETTERS, ended, journal, run_id


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve runs of three jobs, in the folder of reports that is here."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "reports"
    folder.mkdir()
    courses = {"steady/d": "PPPPPPPPPPPP", "broken/d[a=1]": "PPPPPPFFFFTF", "dice/d": "PFP~PPFPF~PP"}
    for number in range(12):
        results = []
        for job_id, course in courses.items():
            outcome = LETTERS[course[number]]
            assert outcome is not None
            results.append(Result(job_id, outcome, 1.0 + number, outcome.bad, 2 if course[number] == "~" else 1))
        history.record(
            str(folder / history.FILE), run_id(number), 1e9 + number, results, Kind("nightly", "bad", "", True)
        )
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert status([*arguments]) == code
    shown = capsys.readouterr()
    return shown.out if code in (0, 1) else shown.err


def completed(*arguments: str) -> list[str]:
    *before, incomplete = arguments
    found = ShellComplete(cli, {}, "farm", "_FARM_COMPLETE").get_completions(list(before), incomplete)
    return [item.value for item in found]


def test_the_history_of_a_job_is_drawn_and_listed(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "history", "dice/d").splitlines()
    assert lines[0] == "dice/d"
    assert lines[1] == "  outcome  .F.~..F.F~..  3 of 12 bad, flakiness 64 % (7 of 11)"
    assert lines[2] == "  took     ▁▂▃▃▄▅▅▆▇▇██  1.0 s to 12.0 s"
    assert lines[4].split() == ["run", "began", "outcome", "took", "attempts"]
    assert lines[6].split() == [run_id(11), "2001-09-09", "01:46", "passed", "12.0", "s", "1"]
    assert len(lines) == 6 + 12


def test_so_many_results_in_another_format(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = told(capsys, "history", "broken/d[a=1]#4", "-n", "2", "--format", "github")
    assert "  outcome  TF  2 of 2 bad, flakiness 0 % (0 of 11)\n" in shown
    assert f"| {run_id(10)} |" in shown
    assert run_id(9) not in shown


def test_a_history_for_programs(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(capsys, "history", "dice/d", "--json"))
    assert (found["job"], round(found["flakiness"], 3), len(found["results"])) == ("dice/d", 0.636, 12)
    assert found["results"][3] == {
        "run": run_id(3),
        "matrix": "nightly",
        "started_at": 1e9 + 3,
        "outcome": "flaky",
        "duration_s": 4.0,
        "attempts": 2,
    }


def test_flaky_jobs(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "flaky").splitlines()
    assert lines[0].split() == ["flakiness", "turns", "outcomes", "job"]
    assert lines[2].split() == ["64", "%", "7", "of", "11", ".F.~..F.F~..", "dice/d"]
    assert len(lines) == 3
    (found,) = json.loads(told(capsys, "flaky", "--json"))
    assert (found["job"], found["turns"], found["results"], found["passed_again"]) == ("dice/d", 7, 12, 2)
    assert 0 < found["at_least"] < found["flakiness"]
    assert found["last_run"] == run_id(11)


def test_no_job_is_flaky(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended(tmp_path, 1, {"a/d": "P"})
    assert told(capsys, "flaky", "--reports", str(tmp_path)) == "no job is flaky\n"
    assert told(capsys, "flaky", "--json", "--reports", str(tmp_path)) == "[]\n"


def test_what_differs_between_two_runs(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "diff", run_id(1), run_id(8), code=1).splitlines()
    assert lines[0].split() == ["before", "after", "times", "job"]
    assert lines[2].split() == ["new", "passed", "2.0", "s", "failed", "9.0", "s", "broken/d[a=1]"]
    assert lines[3].split() == ["slower", "passed", "2.0", "s", "passed", "9.0", "s", "4.5", "steady/d"]
    assert lines[4] == f"1 new, 1 slower, 1 still failing: {run_id(8)} against {run_id(1)}"


def test_a_difference_that_is_no_worse_is_zero(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "diff", run_id(11), run_id(11)) == f"1 still failing: {run_id(11)} against {run_id(11)}\n"
    found = json.loads(told(capsys, "diff", run_id(8), run_id(0), "--json"))
    assert (found["before"], found["after"], found["still"]) == (run_id(8), run_id(0), 0)
    assert [(each["job"], each["what"]) for each in found["differences"]] == [
        ("broken/d[a=1]", "fixed"),
        ("dice/d", "fixed"),
        ("steady/d", "faster"),
    ]
    assert found["differences"][2]["before"] == {"outcome": "passed", "duration_s": 9.0}


def test_a_run_from_elsewhere_against_the_latest(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = journal(reports.parent / "elsewhere", 1, {"a/d": "P", "b/d": "P"})
    ended(reports, 99, {"a/d": "P", "c/d": "F"})
    shown = told(capsys, "diff", str(elsewhere), code=1)
    assert [line.split()[::4] for line in shown.splitlines()[2:4]] == [["added", "c/d"], ["gone", "b/d"]]


def test_what_there_is_not_names_the_nearest(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, "history", "brokn/d[a=1]", code=4)
    assert "there is no job brokn/d[a=1]\nnear it: broken/d[a=1]" in said
    said = told(capsys, "diff", "20260103T000001Z-3f2a", run_id(1), code=4)
    assert f"there is no run 20260103T000001Z-3f2a\nnear it: {run_id(1)}" in said
    for command in (["history", "a/d"], ["flaky"]):
        assert "there is no history of runs yet" in told(capsys, *command, "--reports", "elsewhere", code=4)


def test_matrices_are_told_apart(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(20, 30):
        results = [Result("steady/d", LETTERS["FP"[number % 2]] or "", 1.0, bool(number % 2 == 0))]
        history.record(
            str(reports / history.FILE), run_id(number), 1e9 + number, results, Kind("smoke", "bad", "", True)
        )
    lines = told(capsys, "flaky").splitlines()
    assert [line.split()[-2:] for line in lines[2:]] == [["smoke", "steady/d"], ["nightly", "dice/d"]]
    assert told(capsys, "history", "steady/d").splitlines()[4].split()[-1] == "matrix"


def test_shells_complete_jobs_and_runs(reports: Path) -> None:
    assert completed("history", "br") == ["broken/d[a=1]"]
    assert completed("diff", "l") == ["latest"]
    assert completed("diff", "latest", run_id(3)[:-1]) == [run_id(3)]
    assert completed("diff", "")[:2] == ["latest", run_id(11)]
    assert completed("run", "--baseline", run_id(3)) == [run_id(3)]
    assert completed("history", "--reports", "elsewhere", "b") == []


def test_a_newer_history_is_left_alone(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(reports / history.FILE)) as db:
        db.execute("PRAGMA user_version=9")
    assert "do not delete it" in told(capsys, "flaky", code=6)
    assert completed("history", "br") == []


@pytest.mark.parametrize("command", ["history", "flaky", "diff", "report", "merge"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"\n  farm {command}" in told(capsys, command, "--help")
