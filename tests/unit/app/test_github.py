from __future__ import annotations

from pathlib import Path

from farm.app.github import tell
from farm.model.outcome import Outcome
from tests.unit.report.runs import one


def test_elsewhere_nothing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    assert tell(one(tmp_path, Outcome.FAILED, b""), {"GITHUB_STEP_SUMMARY": str(path)}) == ()
    assert not path.exists()


def test_the_summary_is_added_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("before\n")
    (line,) = tell(one(tmp_path, Outcome.FAILED, b""), {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(path)})
    assert line.startswith("::error ")
    assert path.read_text().startswith("before\n### nightly: 1 of 1 job bad")


def test_a_summary_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    given = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path)}
    assert tell(one(tmp_path, Outcome.PASSED, b""), given) == (
        "::warning::the summary cannot be written: Is a directory",
    )
