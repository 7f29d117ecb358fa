"""``junit.xml`` maps outcomes as docs/outcomes.md says, and every reader's schema takes it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import junitparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import junit
from tests.unit.report.runs import hostile, info, mixed, one

_SHARED = Path(__file__).parents[3].parent / "shared" / "junit"
XSD = Path(os.environ.get("FARM_TEST_JUNIT") or _SHARED) / "jenkins-junit-10.xsd"


def _validated(drawn: bytes):
    etree = pytest.importorskip("lxml.etree")
    tree = etree.fromstring(drawn)
    etree.XMLSchema(etree.parse(str(XSD))).assertValid(tree)
    return tree


@pytest.mark.skipif(not XSD.is_file(), reason="needs the schemas of JUnit readers, set FARM_TEST_JUNIT")
@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=20))
def test_D01_D02_valid_whatever_a_test_is_called(text):
    tree = _validated(junit.render(hostile(text), "/nonexistent"))
    cases = tree.findall(".//testcase")
    assert len(cases) == len(Outcome) + 1
    assert not any("." in case.get("classname") for case in cases)
    assert len(tree.findall(".//flakyFailure")) == 1


@pytest.mark.skipif(not XSD.is_file(), reason="needs the schemas of JUnit readers, set FARM_TEST_JUNIT")
@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_D02_valid_whatever_a_test_prints(tmp_path_factory, printed):
    folder = tmp_path_factory.mktemp("run")
    record = one(folder, Outcome.FAILED, printed + b"\n]]>\x1b[31m\xff\0")
    tree = _validated(junit.render(record, str(folder)))
    assert "]]>" in tree.find(".//system-out").text


@pytest.mark.skipif(not XSD.is_file(), reason="needs the schemas of JUnit readers, set FARM_TEST_JUNIT")
def test_a_run_of_every_outcome_is_valid(tmp_path):
    tree = _validated(junit.render(mixed(tmp_path, 30, bad=3), str(tmp_path)))
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
