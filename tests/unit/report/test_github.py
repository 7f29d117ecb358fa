"""What GitHub Actions is told: nothing that a test says is obeyed by Markdown or by the runner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.model.outcome import Outcome
from farm.model.run import RunRecord
from farm.report import github
from tests.unit.report.runs import hostile, info, mixed, one

PROJECT = "/home/qa/product"


def at(record: RunRecord, *wheres: str) -> RunRecord:
    """``record`` with a copy of its job at each of ``wheres``."""
    (job,) = record.jobs
    return replace(record, jobs=tuple(replace(job, job=replace(job.job, where=each)) for each in wheres))


def test_an_annotation_is_at_the_line_of_the_job(tmp_path: Path) -> None:
    record = at(one(tmp_path, Outcome.FAILED, b""), "matrix.yaml:7:3", "matrix.yaml:7:3", "matrix.yaml:9:3")
    first, second = github.commands(record, PROJECT)
    assert first == "::error file=matrix.yaml,line=7,title=t%3A 2 jobs bad::t/d.1: exit status 2%0At/d.1: exit status 2"
    assert second.startswith("::error file=matrix.yaml,line=9,title=t%3A 1 job bad::")


def test_a_matrix_file_outside_has_no_name(tmp_path: Path) -> None:
    record = at(one(tmp_path, Outcome.FAILED, b""), "matrix.yaml:7:3")
    assert github.commands(record, "/elsewhere") == ("::error title=t%3A 1 job bad::t/d.1: exit status 2",)


def test_there_are_ten_annotations_at_most_and_none_of_what_is_good(tmp_path: Path) -> None:
    record = at(one(tmp_path, Outcome.FAILED, b""), *(f"m:{number}:1" for number in range(30)))
    assert len(github.commands(record, PROJECT)) == 10
    assert github.commands(one(tmp_path, Outcome.FLAKY, b""), PROJECT) == ()


def test_the_summary_has_counts_and_each_bad_job_with_its_command(tmp_path: Path) -> None:
    text = github.markdown(one(tmp_path, Outcome.FAILED, b""), PROJECT)
    assert text.startswith("### nightly: 1 of 1 job bad in 1.0 s\n")
    assert "| failed    | 1      |" in text
    (row,) = (each for each in text.splitlines() if "exit status 2" in each)
    cells = [each.strip() for each in row.strip("|").split("|")]
    again = "<code>farm run matrix&#46;yaml --job t/d&#46;1</code>"
    assert cells == ["t/d&#46;1", "failed", "exit status 2", again]


def test_a_good_run_is_its_counts(tmp_path: Path) -> None:
    text = github.markdown(one(tmp_path, Outcome.PASSED, b""), PROJECT)
    assert text.startswith("### nightly: 1 job, good in 1.0 s\n")
    assert "again" not in text


def test_D06_a_summary_is_less_than_github_takes(tmp_path: Path) -> None:
    record = mixed(tmp_path, 200, bad=1, logged=False)
    worst = replace(record, jobs=tuple(replace(each, reason="\U00020000#" * 5_000) for each in record.jobs))
    assert len(github.markdown(worst, PROJECT).encode()) < 1 << 20


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=30))
def test_D01_D03_nothing_that_a_run_holds_is_obeyed(text: str) -> None:
    record = hostile(text)
    lines = github.markdown(record, PROJECT).split("\n")
    rows = [each for each in lines if each.startswith("|")]
    assert all(each.count("|") in (3, 5) for each in rows)
    assert not any(set(each.replace("<code>", "").replace("</code>", "")) & set("<>[]`*_@\\") for each in lines)
    for each in github.commands(record, PROJECT):
        assert each.startswith("::error ")
        assert "\n" not in each
        assert "\r" not in each


@pytest.mark.parametrize("text", ["::error::x", "a%0A::warning::b", "]]>|", "\x1b[31m"])
def test_what_looks_like_a_command_stays_in_its_line(text: str) -> None:
    for each in github.commands(replace(hostile(text), info=info(matrix_path=f"{PROJECT}/{text}")), PROJECT):
        properties, _, _ = each.removeprefix("::error ").partition("::")
        assert [part.partition("=")[0] for part in properties.split(",")] == ["file", "title"]
