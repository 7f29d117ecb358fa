"""The live screen, as the bytes that a terminal gets; what it then shows is tests/system/test_ui.py's to see."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import queue
import re
import struct
import termios
import threading
from dataclasses import replace

import pytest

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report.live import LiveUi
from farm.schedule.standing import Why
from tests.unit.report.runs import hostile, info, mixed, one
from tests.unit.report.views import FakeView

EVIL = "\x1b]0;x\x07\x1b[2J\u202e\r\n\x9b31m"
HOSTILE = re.compile("[\x1b\x07\u202e\r\x9b]")
LAST = b"\x01\x02\x03"
OURS = re.compile(r"\x1b\[[0-9;]*[mAKJ]|\r\n|\r")


@contextlib.contextmanager
def terminal(columns=80, lines=24, encoding="utf-8"):
    """A terminal of that size to write to, and a function that gives what it got since it was asked last."""
    main, other = pty.openpty()
    resize(other, columns, lines)
    pieces: queue.Queue[bytes] = queue.Queue()
    with open(main, "rb", buffering=0) as screen, open(other, "w", encoding=encoding) as stream:

        def read() -> None:
            data = b"-"
            while not data.endswith(LAST):
                data = screen.read(65536)
                pieces.put(data)

        def got() -> str:
            stream.flush()
            os.write(other, b"\0")  # the last byte there is to get
            text = b""
            while not text.endswith(b"\0"):
                text += pieces.get(timeout=30)
            return text[:-1].decode(encoding)

        # A terminal that nobody reads takes a few thousand bytes and then no more.
        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield stream, got
        finally:
            stream.flush()
            os.write(other, LAST)
            reader.join()


def resize(terminal, columns, lines):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))


def shown(run_dir, record, *, columns=80, lines=24, end=True, last_line="checking for gcc... yes"):
    """What ``LiveUi`` writes to a terminal of its own over a run; without ``end``, one that is never told of its end."""
    with terminal(columns, lines) as (stream, got):
        ticks = iter(range(10**6))
        ui = LiveUi(stream, clock=lambda: float(next(ticks)))
        ui.begin(len(record.jobs), record.info)
        expected = dict.fromkeys(each.job.id for each in record.jobs)
        ui.watch(FakeView(expected, {Why.SLOTS: 3}, run_dir=str(run_dir), last_line=last_line))
        for each in record.jobs:
            ui.started(each.job)
            if each.outcome is not None:
                ui.finished(each.job, each.outcome, each.reason, each.attempts[-1] if each.attempts else None)
        if end:
            ui.end(record, str(run_dir))
        return got()


def bare(text):
    return OURS.sub(lambda found: "\n" if "\n" in found[0] else "", text)


def test_D03_a_terminal_gets_no_escape_that_is_not_ours(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a").write_text(EVIL)
    text = shown(tmp_path, hostile(EVIL), last_line=EVIL)
    assert "\\u202e" in text
    assert not HOSTILE.search(bare(text))


@pytest.mark.parametrize("end", [True, False])
def test_the_cursor_is_never_hidden_and_the_terminal_in_no_mode_of_ours(tmp_path, end):
    assert "\x1b[?" not in shown(tmp_path, mixed(tmp_path, 2, bad=2), end=end)


@pytest.mark.parametrize("columns", [8, 20, 40, 80, 150, 400])
def test_no_line_of_the_screen_reaches_the_last_column(tmp_path, columns):
    running = RunRecord(info(), tuple(JobRecord(each.job) for each in mixed(tmp_path, 3).jobs))
    text = shown(tmp_path, running, columns=columns, end=False, last_line="\u4e16\u754c" * 300)
    drawn = [each for each in bare(text).split("\n")[1:] if each]
    assert drawn
    # The characters of the last line are two columns wide.
    assert max(len(each) + len(re.findall("[\u4e16\u754c]", each)) for each in drawn) < columns


@pytest.mark.parametrize("lines", [2, 5, 24, 50])
def test_it_takes_half_of_the_terminal_at_most_and_looks_at_what_it_shows_only(tmp_path, lines):
    jobs = [each.job for each in mixed(tmp_path, 30).jobs]
    with terminal(lines=lines) as (stream, got):
        ui = LiveUi(stream, clock=lambda: 0.0)
        view = FakeView(dict.fromkeys(each.id for each in jobs))
        ui.begin(len(jobs), info())
        for each in jobs:
            ui.started(each)
        got()
        ui.watch(view)
        drawn = bare(got()).split("\n")
    assert len([each for each in drawn if each]) <= max(6, lines // 2)
    assert len(view.looked) <= 20
    assert view.looked == [each.id for each in jobs[: len(view.looked)]]


def test_no_colour_where_none_is_wanted(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3\dm", shown(tmp_path, mixed(tmp_path, 2, bad=1)))


def test_a_terminal_that_cannot_be_drawn_on_gets_what_would_scroll_by(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    text = shown(tmp_path, one(tmp_path, Outcome.FAILED, b"it broke\n"))
    assert "\x1b" not in text
    assert "[1/1] failed" in text


def test_bars_are_made_of_what_the_terminal_has(tmp_path):
    with terminal(encoding="latin-1") as (stream, got):
        ui = LiveUi(stream)
        ui.begin(1, info())
        ui.watch(FakeView({}, last_line="\u4e16"))
        ui.started(one(tmp_path, None, b"").jobs[0].job)
        assert "0/1" in got()


def test_a_failure_has_its_last_five_lines_at_once_none_longer_than_the_terminal(tmp_path):
    record = one(tmp_path, Outcome.FAILED, b"".join(b"line %d\n" % n for n in range(9)) + b"x" * 500 + b"\n")
    lines = bare(shown(tmp_path, record, end=False)).split("\n")
    first = next(number for number, each in enumerate(lines) if each.startswith("[1/1] failed"))
    *four, last = lines[first + 1 : first + 6]
    assert four == [f"    line {number}" for number in range(5, 9)]
    assert len(last) < 80
    assert last.endswith("x…")


def test_what_did_not_change_is_not_drawn_again(tmp_path):
    with terminal() as (stream, got):
        now_s = 0.0
        ui = LiveUi(stream, clock=lambda: now_s)
        ui.begin(2, info())
        ui.watch(FakeView({"a": None}))
        got()
        now_s = 0.5
        ui.progress("preparing d", "")
        assert got() == ""
        now_s = 1.0
        ui.progress("preparing d", "half way")
        assert "preparing d  half way" in bare(got())


def test_a_note_before_and_after_the_run_is_there_at_once(tmp_path):
    record = one(tmp_path, Outcome.PASSED, b"")
    with terminal() as (stream, got):
        ui = LiveUi(stream, clock=lambda: 0.0)
        ui.note("before")
        assert bare(got()) == "before\n"
        ui.progress("fetching a", "1 MiB")
        assert "fetching a  1 MiB" in bare(got())
        ui.begin(1, record.info)
        ui.watch(FakeView({}))
        ui.note("meanwhile")
        ui.end(record, str(tmp_path))
        assert "meanwhile\n" in bare(got())
        ui.progress("preparing d", "given up")
        ui.progress("preparing d", "")
        ui.note("after")
        assert bare(got()) == "after\n"


def test_a_narrower_terminal_is_drawn_over_where_it_has_wrapped_what_was_there():
    with terminal(columns=100) as (stream, got):
        now_s = 0.0
        ui = LiveUi(stream, clock=lambda: now_s)
        ui.begin(1, info())
        ui.watch(FakeView({}, {Why.SLOTS: 3}))  # 3 lines, the second one of more than 40 columns, the first as well
        wide = [len(each) for each in bare(got()).split("\n") if each][1:]
        resize(stream.fileno(), 40, 24)
        now_s = 1.0
        ui.progress("x", "y")
        (up,) = re.findall(r"\x1b\[(\d+)A\r\x1b\[J", got())
        assert int(up) == sum(-(-each // 40) for each in wide) > len(wide)


def test_the_clock_on_the_screen_goes_on_by_itself_until_the_end(tmp_path):
    record = one(tmp_path, Outcome.PASSED, b"")

    async def go() -> None:
        ticks = iter(range(10**6))
        with terminal() as (stream, got):
            ui = LiveUi(stream, clock=lambda: float(next(ticks)))
            ui.begin(1, record.info)
            ui.watch(FakeView({}))
            got()
            loop = asyncio.get_running_loop()
            until_s = loop.time() + 10
            text = ""
            while "0/1" not in text and loop.time() < until_s:
                await asyncio.sleep(0.01)  # gives the loop to the timer
                text = got()
            assert "0/1" in text
            ui.end(replace(record), str(tmp_path))
            got()
            assert ui._timer is None

    asyncio.run(go())
