"""``--ui json``: every line is an object with the keys that docs/ui.md has for its event, whatever it tells of."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from farm.model.outcome import Outcome
from farm.report.events import JsonUi
from tests.unit.report.runs import hostile, mixed, one
from tests.unit.report.views import FakeView

DOCS = (Path(__file__).resolve().parents[3] / "docs/ui.md").read_text()
EVIL = '"\x1b]0;x\x07\u202e\n\udc80</script>\x00'


def promised() -> dict[str, set[str]]:
    """The keys of each event, and of ``attempt``, in the tables of the docs."""
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`,? ?)+) \|", DOCS, re.MULTILINE)
    return {event: set(re.findall(r"`(\w+)`", keys)) for event, keys in rows}


def told(record, run_dir) -> list[dict[str, object]]:
    stream = io.StringIO()
    ui = JsonUi(stream, clock=lambda: 1.5)
    ui.note("warning: " + record.info.name)
    ui.begin(len(record.jobs), record.info)
    ui.watch(FakeView({}, run_dir=str(run_dir)))
    ui.progress("preparing " + record.info.name, record.info.name)
    ui.progress("preparing " + record.info.name, "")
    for each in record.jobs:
        ui.started(each.job)
        if each.attempts:
            ui.retried(each.job, each.attempts[0])
        if each.outcome is not None:
            ui.finished(each.job, each.outcome, each.reason, each.attempts[-1] if each.attempts else None)
    ui.end(record, str(run_dir))
    ui.progress("preparing d", "given up")
    text = stream.getvalue()
    assert text.isascii()
    assert text.endswith("\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    return [json.loads(each) for each in text.splitlines()]


@pytest.mark.parametrize("kind", ["mixed", "hostile"])
def test_each_line_has_the_keys_that_the_docs_promise(tmp_path, kind) -> None:
    lines = told(mixed(tmp_path, 3, bad=2) if kind == "mixed" else hostile(EVIL), tmp_path)
    keys = promised()
    common = keys.pop("every")
    attempt = keys.pop("attempt")
    assert {each["event"] for each in lines} == set(keys)
    assert lines[-1]["event"] == "end"
    for each in lines:
        assert set(each) == common | keys[each["event"]]
        if each.get("attempt") is not None:
            assert set(each["attempt"]) == attempt


def test_hostile_text_comes_through_but_for_what_no_encoding_can_hold() -> None:
    begin = next(each for each in told(hostile(EVIL), "/nowhere") if each["event"] == "begin")
    assert begin["name"] == EVIL.replace("\udc80", "?")


def test_what_a_program_asks_first(tmp_path) -> None:
    *_, finished, end = told(one(tmp_path, Outcome.TIMEOUT, b"late\n"), tmp_path)
    assert (finished["job"], finished["outcome"], finished["bad"], finished["done"]) == ("t/d.1", "timeout", True, 1)
    assert finished["attempt"]["signal"] == 15
    assert finished["attempt"]["exit_code"] is None
    assert (end["status"], end["exit_code"], end["bad"], end["counts"]) == ("bad", 1, 1, {"timeout": 1})
    assert end["path"] == str(tmp_path)


def test_each_line_is_there_when_it_is_told(tmp_path) -> None:
    class Stream(io.StringIO):
        flushed = ""

        def flush(self) -> None:
            self.flushed = self.getvalue()

    stream = Stream()
    JsonUi(stream, clock=lambda: 0.0).note("now")
    assert json.loads(stream.flushed) == {"event": "note", "at": 0.0, "text": "now"}
