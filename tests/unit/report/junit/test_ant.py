"""What Ant's schema has no place for is told where it has one."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from farm.model.outcome import Outcome
from farm.model.run import RunRecord
from tests.unit.report.junit.test_cases import tried
from tests.unit.report.runs import info, mixed, one
from tests.unit.report.schemas import drawn, needs_schemas, read, valid


def tree(record: RunRecord, run_dir: Path):
    return read(drawn(record, run_dir, "ant"))


@needs_schemas
def test_runs_of_every_outcome_and_of_none_are_valid(tmp_path: Path) -> None:
    valid(drawn(mixed(tmp_path, 30, bad=3), tmp_path, "ant"), "ant")
    assert len(valid(drawn(RunRecord(info()), tmp_path, "ant"), "ant")) == 0


def test_suites_are_numbered_and_of_one_package(tmp_path: Path) -> None:
    suites = tree(mixed(tmp_path, 30, bad=3), tmp_path).findall("testsuite")
    assert [each.get("id") for each in suites] == [str(number) for number in range(30)]
    assert {each.get("package") for each in suites} == {"nightly"}
    assert {each.get("hostname") for each in suites} == {"build7"}


def test_a_host_without_a_name_has_one(tmp_path: Path) -> None:
    record = replace(one(tmp_path, Outcome.PASSED, b""), info=info(hostname=""))
    assert tree(record, tmp_path)[0].get("hostname") == "localhost"


def test_logs_and_earlier_attempts_are_told_by_the_suite(tmp_path: Path) -> None:
    root = tree(tried(tmp_path, Outcome.FAILED, Outcome.OOM, Outcome.FAILED), tmp_path)
    assert root.findtext(".//system-out") == "==> t/d.1 <==\nattempt 2\n"
    assert root.findtext(".//system-err") == "t/d.1: attempt 1: oom: why 1"
    assert root.find(".//failure").get("type") == "failed"


def test_a_skipped_job_has_its_reason_and_its_outcome_among_the_properties(tmp_path: Path) -> None:
    root = tree(one(tmp_path, Outcome.XFAILED, b""), tmp_path)
    assert dict(root.find(".//skipped").attrib) == {"message": "exit status 1"}
    (known,) = (each.get("value") for each in root.iter("property") if each.get("name") == "t/d.1")
    assert "outcome=xfailed" in shlex.split(known)


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.FLAKY])
def test_a_good_job_has_no_element(tmp_path: Path, outcome: Outcome) -> None:
    assert len(tree(one(tmp_path, outcome, b""), tmp_path).find(".//testcase")) == 0
