"""``report``, ``merge`` and the part of ``gc`` that is about runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from farm.cli.main import status
from farm.cli.reports import remove_runs
from tests.unit.app.pasts import ended, journal, run_id, shard

ROOT = Path(__file__).resolve().parents[3]


def test_a_report_is_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended(tmp_path, 1, {"a/d": "P"})
    ended(tmp_path, 2, {"a/d": "F"})
    run_dir = tmp_path / run_id(2)
    for name in ("index.html", "junit.xml", "results.json"):
        (run_dir / name).unlink()
    assert status(["report", "latest", "--reports", str(tmp_path)]) == 0
    assert capsys.readouterr() == (f"{run_dir}/index.html\n", "")
    assert json.loads((run_dir / "results.json").read_text())["baseline"]["changes"] == {"a/d": "new"}
    assert (run_dir / "junit.xml").exists()
    assert b"a/d" in (run_dir / "index.html").read_bytes()


def test_also_that_of_a_run_that_was_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = journal(tmp_path, 1, {"a/d": "P", "b/d": "-"}, killed=True)
    ended(tmp_path, 0, {"a/d": "P"})
    assert status(["report", "latest", "--reports", str(tmp_path)]) == 0  # the newest, though the link leads to another
    shown = capsys.readouterr()
    assert shown.out == f"{run_dir}/index.html\n"
    assert f"farm run --resume {run_id(1)}" in shown.err
    assert json.loads((run_dir / "results.json").read_text())["status"] == "aborted"
    assert (tmp_path / "latest").resolve().name == run_id(0)


def test_it_is_opened_in_a_browser_where_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    ended(folder, 1, {"a/d": "P"})
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    command = [sys.executable, "-m", "farm", "report", "latest", "--open", "--reports", str(folder)]

    def opened(browser: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(tmp_path / "nothing"), "PYTHONPATH": str(ROOT), "BROWSER": browser}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    done = opened(f"{browser} %s")
    path = f"{folder}/{run_id(1)}/index.html"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}\n", "")
    assert (tmp_path / "opened").read_text() == f"file://{path.replace(' ', '%20')}"
    done = opened("/bin/false %s")
    assert (done.returncode, done.stdout) == (1, f"{path}\n")
    assert "no browser was found" in done.stderr


def test_a_report_of_no_run_names_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path, 1, {"a/d": "P"})
    assert status(["report", run_id(2), "--reports", str(tmp_path)]) == 4
    assert f"near it: {run_id(1)}" in capsys.readouterr().err


def test_parts_are_merged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [
        journal(tmp_path / name, number, {f"{name}/d": letter}, asked=shard(number, 2), hostname=name)
        for number, (name, letter) in enumerate({"a": "P", "b": "F"}.items(), 1)
    ]
    reports = tmp_path / "reports"
    assert status(["merge", *map(str, parts), "--reports", str(reports)]) == 1
    shown = capsys.readouterr().out
    assert "failed b/d: it failed" in shown
    assert f"report: {reports}/" in shown
    assert status(["merge", *map(str, parts), "--json", "--reports", str(reports)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 1
    assert document["path"] == str(reports / document["run"])
    assert os.readlink(reports / "latest") == document["run"]


def test_parts_that_do_not_agree_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path, 1, {"a/d": "P"})
    journal(tmp_path, 2, {"a/d": "F"})
    arguments = ["merge", run_id(1), run_id(2), "--reports", str(tmp_path)]
    assert status(arguments) == 4
    assert f"a/d: passed in {run_id(1)}, failed in {run_id(2)}" in capsys.readouterr().err
    assert status([*arguments, "--last"]) == 1


def test_old_runs_go_and_the_history_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3):
        ended(tmp_path, number, {"a/d": "P"})
    assert remove_runs(str(tmp_path), None, 2, dry_run=True) == 1
    assert capsys.readouterr().out.startswith(f"would remove run {run_id(1)}: ")
    assert (tmp_path / run_id(1)).is_dir()
    assert remove_runs(str(tmp_path), None, 2, dry_run=False) == 1
    assert capsys.readouterr().out.startswith(f"removed run {run_id(1)}: ")
    assert sorted(each.name for each in tmp_path.glob("2026*")) == [run_id(2), run_id(3)]
    assert status(["diff", run_id(1), run_id(2), "--reports", str(tmp_path)]) == 0
