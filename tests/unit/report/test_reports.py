"""Reports hold what any test may print, and obey none of it."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunInfo, RunRecord
from farm.report import html, junit, results
from farm.report.summary import Status, status
from farm.report.terminal import PlainUi
from farm.report.write import write_all

_SHARED = Path(__file__).parents[3].parent / "shared" / "junit"
XSD = Path(os.environ.get("FARM_TEST_JUNIT") or _SHARED) / "jenkins-junit-10.xsd"
OWN_LINKS = {"./results.json", "./junit.xml", "data:,"}
EVIL = "<script>alert(1)</script>\x1b]0;x\x07\u202e"


def record(text: str) -> RunRecord:
    info = RunInfo("id", text, "m", 1.5, "0", text, "6", text, 2, 1 << 30, "v1", False, True, (text,), (text,))
    jobs = []
    for number, outcome in enumerate([*Outcome, None]):
        job = Job(f"{text}{number}", text, "ubuntu-14.04", (), ("sh",), text, cap_add=(text,))
        tried = (Attempt(job.id, 1, Outcome.FAILED, 1.0, reason=text, log_path="logs/a", log_bytes=9),)
        jobs.append(JobRecord(job, tried, outcome, text))
    return RunRecord(info, tuple(jobs), ((text, text),), 1.0, "bad")


@pytest.mark.skipif(not XSD.is_file(), reason="needs the schemas of JUnit readers, set FARM_TEST_JUNIT")
@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=20))
def test_junit_is_valid_whatever_a_test_is_called(text):
    etree = pytest.importorskip("lxml.etree")
    tree = etree.fromstring(junit.render(record(text), "/nonexistent"))
    etree.XMLSchema(etree.parse(str(XSD))).assertValid(tree)
    cases = tree.findall(".//testcase")
    assert len(cases) == len(Outcome) + 1
    assert not any("." in case.get("classname") for case in cases)
    assert len(tree.findall(".//flakyFailure")) == 1


def test_files_hold_the_run_and_the_page_neither_runs_nor_fetches_anything(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a").write_text(EVIL + "the end of the log")
    write_all(str(tmp_path), record(EVIL))
    page = (tmp_path / "index.html").read_text()
    assert "<script" not in page
    assert not re.search("[\x1b\x07\u202e]", page)
    assert "the end of the log" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert all(link.startswith(("#", "./logs/")) or link in OWN_LINKS for link in links)
    assert len(json.loads((tmp_path / "results.json").read_text())["jobs"]) == len(Outcome) + 1
    assert sorted(os.listdir(tmp_path)) == ["index.html", "junit.xml", "logs", "results.json"]


def test_a_terminal_obeys_nothing_and_failures_are_last(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a").write_text(EVIL + "\n" * 30 + "last line\n")
    stream = io.StringIO()
    ui = PlainUi(stream)
    run = record(EVIL)
    ui.begin(1, run.info)
    ui.finished(run.jobs[1].job, Outcome.FAILED, "why", run.jobs[1].attempts[0])
    ui.end(run, str(tmp_path))
    text = stream.getvalue()
    assert not re.search("[\x1b\x07\u202e]", text)
    assert "    last line" in text
    assert text.index("last line") < text.index("5 of 11 jobs bad") < text.index(str(tmp_path / "index.html"))


def test_a_log_outside_the_run_is_not_read(tmp_path):
    (tmp_path / "secret").write_text("secret words")
    (tmp_path / "run" / "logs").mkdir(parents=True)
    (tmp_path / "run" / "logs" / "a").symlink_to(tmp_path / "secret")
    run_dir = str(tmp_path / "run")
    assert b"secret words" not in b"".join(html.render(record("x"), run_dir))
    assert b"".join(results.render(record("x")))


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
