"""What is told of a run before any dialect: names, attempts, what is known of a job."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from farm.model.artifact import Artifact, Case, CaseOutcome
from farm.model.distro import Facts
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord, UsedImage
from farm.report import cases
from farm.report.junit.cases import Kind, told
from farm.report.junit.properties import in_one_line
from tests.unit.report.runs import info, mixed, one


def tell(record: RunRecord, run_dir: Path):
    return [case for suite in told(record, str(run_dir), "").suites for case in suite.cases]


def tried(run_dir: Path, outcome: Outcome, *outcomes: Outcome) -> RunRecord:
    """A job that ended as ``outcome`` after attempts with ``outcomes``, each of which printed its number."""
    record = one(run_dir, Outcome.FAILED, b"")
    (job,) = record.jobs
    attempts = []
    for number, each in enumerate(outcomes, 1):
        log = f"logs/{number}.log"
        (run_dir / log).write_text(f"attempt {number}\n")
        attempts.append(replace(job.attempts[0], number=number, outcome=each, reason=f"why {number}", log_path=log))
    reason = attempts[-1].reason if attempts else ""
    return replace(record, jobs=(JobRecord(job.job, tuple(attempts), outcome, reason),))


def test_a_flaky_job_passed_and_has_each_bad_attempt_with_its_log(tmp_path: Path) -> None:
    attempts = (Outcome.FAILED, Outcome.OOM, Outcome.PASSED)
    (case,) = tell(tried(tmp_path, Outcome.FLAKY, *attempts), tmp_path)
    assert case.result is None
    found = [(each.number, each.type, each.message, each.log) for each in case.earlier]
    assert found == [(1, "failed", "why 1", "attempt 1"), (2, "oom", "why 2", "attempt 2")]


def test_a_bad_job_is_its_last_attempt_and_has_those_before(tmp_path: Path) -> None:
    (case,) = tell(tried(tmp_path, Outcome.TIMEOUT, Outcome.FAILED, Outcome.TIMEOUT), tmp_path)
    assert (case.result.kind, case.result.type, case.result.message) == (Kind.FAILURE, "timeout", "why 2")
    assert case.log == "attempt 2"
    assert [(each.number, each.log) for each in case.earlier] == [(1, "attempt 1")]
    assert "\nattempt 1: failed\nattempt 2: timeout\n" in case.result.text


def test_a_further_attempt_that_was_cancelled_is_not_the_last_word(tmp_path: Path) -> None:
    record = tried(tmp_path, Outcome.FAILED, Outcome.FAILED, Outcome.CANCELLED)
    (case,) = tell(record, tmp_path)
    assert (case.result.type, case.log, case.earlier) == ("failed", "attempt 1", ())


def test_the_text_of_a_failure_has_the_command_that_runs_it_again(tmp_path: Path) -> None:
    (case,) = tell(tried(tmp_path, Outcome.FAILED, Outcome.FAILED), tmp_path)
    assert "\nagain: farm run /home/qa/product/matrix.yaml --job t/d.1\n" in case.result.text


def test_names_are_ids_and_classes_have_no_dots(tmp_path: Path) -> None:
    record = mixed(tmp_path, 2, axis=2, bad=1000)
    found = tell(record, tmp_path)
    assert [each.name for each in found] == [each.job.id for each in record.jobs]
    assert [each.name for each in found] == [each.name for each in tell(record, tmp_path)]
    assert "check-01/ubuntu-14_04-i386" in {each.classname for each in found}
    assert not any("." in each.classname for each in found)


def test_names_that_look_alike_are_numbered_over_the_whole_file(tmp_path: Path) -> None:
    (job,) = one(tmp_path, Outcome.PASSED, b"").jobs
    cases.save(str(tmp_path / "cases.json"), [Case("n", "c"), Case("n", "c"), Case("n (2)", "c"), Case("n", "c")])
    attempt = replace(job.attempts[0], cases_path="cases.json")
    jobs = [
        replace(job, job=replace(job.job, id=id_), attempts=(attempt,)) for id_ in ("t/d.1", "t/d_1", "\0", "\\x00")
    ]
    found = tell(RunRecord(info(), tuple(jobs)), tmp_path)
    assert len({(each.classname, each.name) for each in found}) == len(found) == 20
    first = [each.name for each in found[:5]]
    assert first == ["t/d.1", "n", "n (2)", "n (2) (2)", "n (3)"]
    assert [each.name for each in found if "x00" in each.name and each.classname == "t/d_1"] == ["\\x00", "\\x00 (2)"]


def test_ten_thousand_names_alike_cost_no_more_than_others(tmp_path: Path) -> None:
    (job,) = one(tmp_path, Outcome.PASSED, b"").jobs
    cases.save(str(tmp_path / "cases.json"), [Case("n")] * cases.MOST_CASES)
    attempt = replace(job.attempts[0], cases_path="cases.json")
    found = tell(RunRecord(info(), (replace(job, attempts=(attempt,)),)), tmp_path)
    assert found[-1].name == f"n ({cases.MOST_CASES})"


def test_a_suite_began_with_its_first_attempt(tmp_path: Path) -> None:
    suite = told(mixed(tmp_path, 1, bad=1000), str(tmp_path), "").suites[0]
    assert suite.timestamp == "2026-01-02T03:04:10"
    (never,) = told(RunRecord(info(), one(tmp_path, None, b"").jobs), str(tmp_path), "").suites
    assert never.timestamp == "2026-01-02T03:04:05"


def test_what_is_known_of_a_job(tmp_path: Path) -> None:
    record = one(tmp_path, Outcome.FAILED, b"", axes=(("opt", "O 2"),), tags=("smoke",), where="matrix.yaml:7:3")
    (job,) = record.jobs
    job = replace(job, attempts=(replace(job.attempts[0], image="ab" * 32),))
    images = (UsedImage("ab" * 32, "d.1", "oci://example/d", Facts()),)
    (case,) = tell(replace(record, jobs=(job,), images=images), tmp_path)
    known = dict(case.properties)
    assert (known["distro"], known["axis.opt"], known["tags"], known["where"]) == (
        "d.1",
        "O 2",
        "smoke",
        "matrix.yaml:7:3",
    )
    assert (known["image"], known["image_source"]) == ("ab" * 32, "oci://example/d")
    assert (known["outcome"], known["attempts"], known["ended"]) == ("failed", "1", "exit status 2")
    assert known["repro"] == "farm run /home/qa/product/matrix.yaml --job t/d.1"
    assert float(known["cpu_s"]) > 0
    assert int(known["memory_peak_bytes"]) > 0
    assert case.line == 7
    assert dict(each.split("=", 1) for each in shlex.split(in_one_line(case.properties))) == known


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.SKIPPED, Outcome.CANCELLED])
def test_a_job_that_nobody_runs_again_has_no_command_for_it(tmp_path: Path, outcome: Outcome) -> None:
    (case,) = tell(one(tmp_path, outcome, b""), tmp_path)
    assert "repro" not in dict(case.properties)


def test_pictures_come_before_the_log_and_that_before_the_rest(tmp_path: Path) -> None:
    record = one(tmp_path, Outcome.FAILED, b"")
    (job,) = record.jobs
    left = tuple(Artifact(name, 1) for name in ("core", "a/screen.PNG"))
    attempt = replace(job.attempts[0], artifacts=left, artifacts_path="artifacts/t@d.1/1")
    (case,) = tell(replace(record, jobs=(replace(job, attempts=(attempt,)),)), tmp_path)
    assert case.files == ("artifacts/t@d.1/1/a/screen.PNG", "logs/t@d.1/1.log", "artifacts/t@d.1/1/core")


def test_a_skipped_case_of_a_job_keeps_its_reason(tmp_path: Path) -> None:
    (job,) = one(tmp_path, Outcome.PASSED, b"").jobs
    cases.save(str(tmp_path / "cases.json"), [Case("n", outcome=CaseOutcome.SKIPPED, message="no net\nmore")])
    attempt = replace(job.attempts[0], cases_path="cases.json")
    _, case = tell(RunRecord(info(), (replace(job, attempts=(attempt,)),)), tmp_path)
    assert (case.result.kind, case.result.message, case.result.text) == (Kind.SKIPPED, "no net", "")
