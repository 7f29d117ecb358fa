"""A note of several lines, such as that of a prepare that failed: in every report, once."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from farm.model.build import Network
from farm.model.job import Job, Prepare
from farm.model.outcome import Outcome
from farm.model.run import BUILD_NOTE, JobRecord, RunRecord
from farm.report import html, junit, results
from farm.report.live import LiveUi
from farm.report.terminal import PlainUi, QuietUi
from tests.unit.report.runs import info, one
from tests.unit.report.schemas import needs_schemas, valid

NOTE = "the prepare of d failed: exit status 100; log: prepare/d-0a1b2c3d.log\nE: no such package\n<b>\x1b[2Jlast words"
REASON = "prepare: exit status 100; log: prepare/d-0a1b2c3d.log"
PREPARE = Prepare("apk add make", ("sh", "-e"), (("o", "1"),), (("K", "v"),), Network.HOST)


@pytest.fixture
def record() -> RunRecord:
    """Two jobs that never ran."""
    jobs = [Job(f"{test}/d", test, "d", (), ("sh",), "true", prepare=PREPARE) for test in ("t", "u")]
    records = tuple(JobRecord(job, (), Outcome.ERROR, REASON) for job in jobs)
    return RunRecord(info(), records, ((BUILD_NOTE, NOTE),), 1.0, "infrastructure")


def told(make, record: RunRecord) -> str:
    stream = io.StringIO()
    ui = make(stream)
    ui.begin(len(record.jobs), record.info)
    ui.note(f"prepare: {NOTE}")
    ui.end(record, "/nowhere")
    return stream.getvalue()


@pytest.mark.parametrize("make", [PlainUi, QuietUi, LiveUi])
def test_a_terminal_shows_it_once_and_obeys_nothing_of_it(make, record: RunRecord) -> None:
    text = told(make, record)
    assert text.count("E: no such package") == 1
    assert "\n    E: no such package\n    <b>\\x1b[2Jlast words\n" in text
    assert REASON in text


def test_another_note_is_among_the_last_words(record: RunRecord) -> None:
    assert "cleanup: hard" in told(PlainUi, replace(record, notes=(("cleanup", "hard"),)))


def test_the_page_shows_it_once(record: RunRecord, tmp_path: Path) -> None:
    page = b"".join(html.render(record, str(tmp_path))).decode()
    assert page.count("E: no such package") == 1
    assert "<b>build:</b> the prepare of d failed: exit status 100; log: prepare/d-0a1b2c3d.log</p>" in page
    assert "&lt;b&gt;last words</pre>" in page


@needs_schemas
def test_junit_has_it_once_beside_its_jobs(record: RunRecord) -> None:
    tree = valid(junit.render(record, "/nowhere"))
    (found,) = tree.findall(".//system-err")
    assert found.text == f"build: {NOTE}".replace("\x1b[2J", "")
    assert [each.get("message") for each in tree.findall(".//error")] == [REASON, REASON]


def test_results_have_the_note_and_what_prepares_a_job(record: RunRecord, tmp_path: Path) -> None:
    found = json.loads(b"".join(results.render(record)))
    assert found["notes"] == [{"kind": "build", "text": NOTE}]
    prepare = found["jobs"][0]["prepare"]
    assert (prepare["template"], prepare["axes"], prepare["env"]) == ("apk add make", {"o": "1"}, {"K": "v"})
    assert prepare["network"] == "host"
    assert json.loads(b"".join(results.render(one_plain(tmp_path))))["jobs"][0]["prepare"] is None


def one_plain(run_dir: Path) -> RunRecord:
    return one(run_dir, Outcome.PASSED, b"")
