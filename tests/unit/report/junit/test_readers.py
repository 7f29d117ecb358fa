"""Programs that are none of ours read ``junit.xml``: each job's name, outcome and message come back in every dialect."""

from __future__ import annotations

import io
from pathlib import Path

import junitparser
import pytest
from junit2htmlreport import parser as junit2html

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import words
from farm.report.junit import DIALECTS
from tests.unit.report.runs import info, mixed, one
from tests.unit.report.schemas import drawn

_FAILED = frozenset({Outcome.FAILED, Outcome.TIMEOUT, Outcome.OOM, Outcome.ERROR, Outcome.XPASSED})
_PASSED = frozenset({Outcome.PASSED, Outcome.FLAKY})


def _told(record: JobRecord) -> tuple[str, str, str]:
    """A job as a reader should understand it: its name, what became of it in JUnit's three words, and why."""
    name, reason = record.job.id, words.told(record.reason, record.attempts[-1] if record.attempts else None)
    if record.outcome in _PASSED:
        return name, "passed", ""
    if record.outcome is None:
        return name, "skipped", "the run ended before this job did"
    return name, "failed" if record.outcome in _FAILED else "skipped", reason or record.outcome.value


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """A run with each outcome, and one job that never ran."""
    jobs = mixed(tmp_path, 30, axis=2, bad=2).jobs
    assert {each.outcome for each in jobs} == set(Outcome)
    return RunRecord(info(), (*jobs, *one(tmp_path, None, b"").jobs), duration_s=1.0, status="bad")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_junitparser_reads_every_job(record: RunRecord, tmp_path: Path, dialect: str) -> None:
    suites = junitparser.JUnitXml.fromfile(io.BytesIO(drawn(record, tmp_path, dialect)))
    found = []
    for case in (case for suite in suites for case in suite):
        kinds = {type(each) for each in case.result}
        outcome = "passed" if not kinds else "skipped" if junitparser.Skipped in kinds else "failed"
        found.append((case.name, outcome, case.result[0].message if case.result else ""))
    assert found == [_told(each) for each in record.jobs]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_junit2html_reads_every_job_and_draws_it(record: RunRecord, tmp_path: Path, dialect: str) -> None:
    etree = pytest.importorskip("lxml.html")
    path = tmp_path / "junit.xml"
    path.write_bytes(drawn(record, tmp_path, dialect))
    page = etree.fromstring(junit2html.Junit(str(path)).html())
    found = set()
    for each in page.find_class("test"):
        rows = {
            row[0].text_content().strip(": "): row[1].text_content()
            for row in each.find_class("proplist")[0].iter("tr")
        }
        outcome = rows["Outcome"].lower()
        found.add((rows["Test case"], outcome, rows.get(outcome.title(), "")))
    assert found == {_told(each) for each in record.jobs}
    shown = page.text_content()
    assert "test_parse.c:214: error: assertion `tree->left != NULL' failed" in shown
    assert "Debian GNU/Linux 13 (trixie)" in shown
    assert "ended=killed by SIGSEGV" in shown or dialect == "gitlab"
