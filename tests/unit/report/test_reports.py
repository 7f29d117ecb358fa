"""The files of a report, and what a run comes to."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from farm.errors import FarmError
from farm.model.memory import Change, JobMemory, Memory
from farm.model.outcome import Outcome
from farm.model.run import RunRecord, Sample
from farm.report import results
from farm.report.attribution import groups
from farm.report.summary import Status, alike, failures, status, status_of
from farm.report.write import write_all
from tests.unit.report.attributed import DISTROS, bad_if, run
from tests.unit.report.runs import hostile, info, mixed, one


def _parsed(record: RunRecord):
    return json.loads(b"".join(results.render(record)))


def test_three_files_and_nothing_beside_them(tmp_path):
    write_all(str(tmp_path), hostile("x"))
    assert sorted(os.listdir(tmp_path)) == ["index.html", "junit.xml", "results.json"]


def test_C10_a_report_that_cannot_be_written_is_an_error_and_leaves_nothing_half(tmp_path):
    (tmp_path / "junit.xml").mkdir()
    with pytest.raises(FarmError, match="cannot be written") as caught:
        write_all(str(tmp_path), hostile("x"))
    assert caught.value.remedy
    assert sorted(os.listdir(tmp_path)) == ["junit.xml", "results.json"]


def test_results_hold_the_run(tmp_path):
    record = mixed(tmp_path, 4, bad=2)
    found = _parsed(record)
    assert found["schema"] == 1
    assert found["status"] == "bad"
    assert found["run"]["hostname"] == record.info.hostname
    assert [job["id"] for job in found["jobs"]] == [each.job.id for each in record.jobs]
    assert sum(found["counts"].values()) == len(record.jobs)
    job = found["jobs"][0]
    assert job["shell"] + [job["script"]] == list(record.jobs[0].job.argv) or job["shell"] == list(
        record.jobs[0].job.argv
    )
    assert job["limits"]["pids"] == 256
    assert job["attempts"][0]["usage"]["cpu_s"] is not None


def test_results_hold_images_samples_and_what_failures_have_in_common(tmp_path):
    record = run(bad_if(lambda job: DISTROS[job.distro].libc == "musl"), axes={"opt": ("O0", "O1", "O2", "O3")})
    record = replace(record, samples=(Sample(1.5, 0.25, 1 << 30, 2, 3),))
    write_all(str(tmp_path), record, groups=groups(record, str(tmp_path)))
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["images"][0]["digest"] == found["jobs"][0]["attempts"][0]["image"] == "digest of alpine-3.10"
    assert found["images"][0]["facts"]["libc"] == "musl"
    assert found["samples"] == [{"at_s": 1.5, "cpu": 0.25, "memory_bytes": 1 << 30, "running": 2, "waiting": 3}]
    (group,) = found["findings"]
    assert (group["outcome"], group["signature"], group["note"]) == ("failed", "it broke", "")
    assert group["jobs"][:2] == ["t/alpine-3.10[opt=O0]", "t/alpine-3.10[opt=O1]"]
    assert group["causes"][0]["sentence"] == "all 12 failures have libc = musl; 0 of 20 others do"
    assert group["causes"][0]["same"] == ["init = busybox"]


def test_results_name_the_baseline_and_what_changed(tmp_path):
    record = one(tmp_path, Outcome.FAILED, b"", id="t/d#2")
    assert _parsed(record)["baseline"] is None
    memory = Memory("r7", {"t/d": JobMemory(change=Change.STILL, since="r5"), "other/d": JobMemory(since="r1")})
    found = json.loads(b"".join(results.render(record, memory)))["baseline"]
    assert found == {"run": "r7", "changes": {"t/d#2": "still"}, "since": {"t/d#2": "r5"}}


@pytest.mark.parametrize(
    ("outcome", "exit_code", "signal"),
    [(Outcome.PASSED, 0, None), (Outcome.FAILED, 2, None), (Outcome.OOM, None, 9), (Outcome.ERROR, None, None)],
)
def test_results_say_how_a_command_ended(tmp_path, outcome, exit_code, signal):
    attempt = _parsed(one(tmp_path, outcome, b""))["jobs"][0]["attempts"][0]
    assert (attempt["exit_code"], attempt["signal"]) == (exit_code, signal)


def test_results_name_step_errno_and_hint_of_an_error(tmp_path):
    failure = _parsed(one(tmp_path, Outcome.ERROR, b""))["jobs"][0]["attempts"][0]["failure"]
    assert (failure["step"], failure["errno"], failure["errno_name"]) == ("mount overlay", 28, "ENOSPC")
    assert failure["hint"]


def test_results_name_missing_isolation_and_opt_outs(tmp_path):
    job = one(tmp_path, Outcome.PASSED, b"", no_new_privs=False)
    found = _parsed(RunRecord(info(warnings=("no pids quota",)), job.jobs, status="good"))
    assert found["isolation"]["warnings"] == ["no pids quota"]
    assert found["isolation"]["opted_out"] == [{"what": "no-new-privs: false", "jobs": ["t/d.1"]}]


@pytest.mark.parametrize("text", ["\ud800", "\0", "a\u2028b", "</script>"])
def test_D02_results_are_json_whatever_is_in_them(text):
    assert len(_parsed(hostile(text))["jobs"]) == len(Outcome) + 1


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], Status.EMPTY),
        ([Outcome.PASSED, Outcome.FLAKY, Outcome.SKIPPED], Status.GOOD),
        ([Outcome.PASSED, Outcome.ERROR], Status.INFRASTRUCTURE),
        ([Outcome.ERROR, Outcome.FAILED], Status.BAD),
        ([Outcome.PASSED, None], Status.INTERRUPTED),
        ([Outcome.FAILED, Outcome.CANCELLED], Status.BAD),
    ],
)
def test_status_of_outcomes(outcomes, expected):
    assert status(outcomes) is expected
    assert status(outcomes, True).exit_code == 2


def test_flaky_is_good_or_bad_as_asked_and_a_deadline_is_its_own_status():
    assert status([Outcome.PASSED, Outcome.FLAKY]) is Status.GOOD
    assert status([Outcome.PASSED, Outcome.FLAKY], fail_on_flaky=True) is Status.BAD
    assert status([Outcome.ERROR, Outcome.FLAKY], fail_on_flaky=True) is Status.BAD
    assert status([Outcome.FAILED, Outcome.CANCELLED], deadline=True).exit_code == 7


def test_a_run_without_an_end_is_aborted():
    assert status_of(RunRecord(info())) is Status.ABORTED


def test_failures_of_tests_come_before_those_of_the_farm(tmp_path):
    bad = failures(mixed(tmp_path, 20, bad=3).jobs)
    kinds = [each.outcome is Outcome.ERROR for each in bad]
    assert kinds == sorted(kinds)
    assert True in kinds
    assert [len(group) for group in alike(bad)] == [1] * len(bad)  # all of them ran
