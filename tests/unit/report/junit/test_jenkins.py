"""``junit.xml`` maps outcomes as docs/outcomes.md says, and every reader's schema takes it."""

from __future__ import annotations

import io

import junitparser
import pytest

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import junit
from tests.unit.report.runs import info, mixed, one
from tests.unit.report.schemas import needs_schemas, valid


@needs_schemas
def test_a_run_of_every_outcome_is_valid(tmp_path):
    tree = valid(junit.render(mixed(tmp_path, 30, bad=3), str(tmp_path)))
    assert len(tree.findall("testsuite")) == 30


@pytest.mark.parametrize(
    ("outcome", "element", "kind"),
    [
        (Outcome.PASSED, None, None),
        (Outcome.FAILED, junitparser.Failure, "failed"),
        (Outcome.TIMEOUT, junitparser.Failure, "timeout"),
        (Outcome.OOM, junitparser.Error, "oom"),
        (Outcome.ERROR, junitparser.Error, "infrastructure"),
        (Outcome.SKIPPED, junitparser.Skipped, "skipped"),
        (Outcome.XFAILED, junitparser.Skipped, "xfailed"),
        (Outcome.XPASSED, junitparser.Failure, "xpassed"),
        (Outcome.FLAKY, None, None),
        (Outcome.CANCELLED, junitparser.Skipped, "cancelled"),
        (None, junitparser.Skipped, "not-run"),
    ],
)
def test_each_outcome_has_its_element(tmp_path, outcome, element, kind):
    drawn = junit.render(one(tmp_path, outcome, b"said\n"), str(tmp_path))
    case = next(iter(next(iter(junitparser.JUnitXml.fromfile(io.BytesIO(drawn))))))
    assert [(type(each), each.type) for each in case.result] == ([(element, kind)] if element else [])


def test_an_error_names_step_errno_and_hint(tmp_path):
    drawn = junit.render(one(tmp_path, Outcome.ERROR, b""), str(tmp_path)).decode()
    for each in ("mount overlay", "ENOSPC", "free some space"):
        assert drawn.count(each) >= 2, each  # in the message, and in the text


def test_counts_and_times_add_up(tmp_path):
    record = mixed(tmp_path, 5, bad=2)
    suites = junitparser.JUnitXml.fromfile(io.BytesIO(junit.render(record, str(tmp_path))))
    found = {outcome: sum(job.outcome is outcome for job in record.jobs) for outcome in Outcome}
    assert suites.tests == len(record.jobs)
    assert suites.failures == found[Outcome.FAILED] + found[Outcome.TIMEOUT] + found[Outcome.XPASSED]
    assert suites.errors == found[Outcome.OOM] + found[Outcome.ERROR]
    assert suites.time == pytest.approx(sum(a.duration_s for job in record.jobs for a in job.attempts), abs=0.01)


def test_a_run_without_jobs_is_a_file_too(tmp_path):
    assert junitparser.JUnitXml.fromfile(io.BytesIO(junit.render(RunRecord(info()), str(tmp_path)))).tests == 0


def test_a_job_whose_image_is_missing_says_so(tmp_path):
    lost = one(tmp_path, Outcome.ERROR, b"").jobs[0].job
    record = RunRecord(info(), (JobRecord(lost, (), Outcome.ERROR, "image: not there"),))
    assert b'message="image: not there"' in junit.render(record, str(tmp_path))
