"""A live screen: bad jobs scroll by, with the end of their logs, above a few lines on what goes on.

Drawn from a timer on the event loop: no thread, and four times a second at most, however many jobs end. Only of the jobs that
are shown memory and log are read. rich, which colours and measures, is imported for this screen only: it costs a tenth of a
second, which plain output need not pay.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from farm.model.job import Attempt, Job
from farm.model.memory import NO_MEMORY, Memory
from farm.model.outcome import Outcome
from farm.model.run import RunInfo, RunRecord
from farm.report import layout
from farm.report.findings import Group
from farm.report.layout import Going, Moment, Row
from farm.report.logs import tail
from farm.report.screen import Line, Screen
from farm.report.terminal import QuietUi, closing_words, ended_line, opening, retried_line
from farm.report.text import paragraph
from farm.report.ui import View
from farm.schedule.estimate import Estimate
from farm.schedule.standing import Standing

_PERIOD_S = 0.25
_LOG_LINES = 5  # of a failure, at once; there are more of them at the end
_JOBS_COUNTED_A_SECOND = 20_000  # by looking how the run stands, which goes through all of them


class LiveUi(QuietUi):
    """On a terminal; elsewhere only what would scroll by. The clock is a parameter."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        colour = self._colour()
        self._console = Console(file=stream, force_terminal=True, highlight=False, no_color=not colour or None)
        self._glyphs = layout.Glyphs() if _has(stream, layout.Glyphs()) else layout.ASCII
        self._screen = Screen(stream) if self._draws() else None
        self._view: View | None = None
        self._estimate: Estimate | None = None
        self._standing: Standing | None = None
        self._standing_until_s = float("-inf")
        self._running: dict[str, float] = {}
        self._going: dict[str, tuple[float, str]] = {}
        self._above: list[str] = []
        self._total = self._done = self._bad = self._cancelled = self._name_cells = 0
        self._begun_at = 0.0
        self._drawn_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, total: int, info: RunInfo) -> None:
        self._total = total
        self._begun_at = self._clock()
        self._print(opening(total, info))

    def watch(self, view: View) -> None:
        self._view = view
        expected_s = view.expected_s()
        self._estimate = Estimate(expected_s)
        self._name_cells = max(map(len, expected_s), default=0)
        with contextlib.suppress(RuntimeError, ValueError):  # without a loop the screen changes with events only
            loop = asyncio.get_running_loop()
            if self._screen is not None:
                self._timer = loop.call_later(_PERIOD_S, self._tick)
                loop.add_signal_handler(signal.SIGCONT, self._screen.forget)  # a shell has written meanwhile
        self._draw(now=True)

    def started(self, job: Job) -> None:
        now_s = self._running[job.id] = self._clock()
        if self._estimate is not None:
            self._estimate.started(job.id, now_s)
        self._draw()

    def retried(self, job: Job, attempt: Attempt) -> None:
        self._running.pop(job.id, None)
        if self._estimate is not None:
            self._estimate.retried(job.id, self._clock())
        self._print(retried_line(self._total, job, attempt, colour=self._colour()))

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        self._running.pop(job.id, None)
        self._done += 1
        self._cancelled += outcome is Outcome.CANCELLED
        if self._estimate is not None:
            self._estimate.finished(job.id, self._clock())
        if outcome.bad:
            self._bad += 1
            told = ended_line(self._done, self._total, job, outcome, reason, attempt, colour=self._colour())
            self._print("\n".join([told, *self._last_lines(attempt)]))
        self._draw()

    def progress(self, what: str, text: str) -> None:
        if text and not self._ended:
            since_s, _ = self._going.get(what, (self._clock(), ""))
            self._going[what] = (since_s, text)
        else:
            self._going.pop(what, None)
        self._draw(now=self._view is None)  # there is no timer yet

    def note(self, text: str) -> None:
        self._print(paragraph(text))

    def end(self, record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY, groups: Sequence[Group] = ()) -> None:
        self._ended = True
        self._stop()
        self._write(closing_words(record, run_dir, memory, groups, colour=self._colour()))

    def _tick(self) -> None:
        """Keeps the clock on the screen going while nothing happens."""
        self._timer = asyncio.get_running_loop().call_later(_PERIOD_S, self._tick)
        self._draw(now=True)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCONT)
        self._view = None
        self._going.clear()
        self._draw(now=True)

    def _print(self, text: str) -> None:
        """Above the screen, within a quarter of a second: many at once are one drawing."""
        if self._screen is None:
            self._write(text)
        else:
            self._above.append(text)
            self._draw(now=self._view is None)  # no timer yet, or no longer

    def _draw(self, *, now: bool = False) -> None:
        if self._screen is None:
            return
        now_s = self._clock()
        if not now and now_s - self._drawn_at < _PERIOD_S:
            return
        self._drawn_at = now_s
        above = "".join(f"{each}\n" for each in self._above)
        self._above.clear()
        columns, height = self._screen.size()
        hidden = (self._view is None and not self._going) or not self._screen.in_front
        lines = [] if hidden else [self._painted(each) for each in self._shown(now_s, columns, height)]
        if text := self._screen.drawing(lines, above):
            self._write(text, end="")

    def _shown(self, now_s: float, columns: int, height: int) -> list[Text]:
        rows = []
        for job_id, since_s in itertools.islice(self._running.items(), layout.room(height, len(self._going))):
            seen = self._view.look(job_id) if self._view is not None else None
            rows.append(Row(job_id, now_s - since_s, *((seen.memory_bytes, seen.last_line) if seen else ())))
        moment = Moment(
            total=self._total,
            done=self._done,
            bad=self._bad,
            gone_s=now_s - self._begun_at,
            left_s=self._estimate.left_s(now_s) if self._estimate is not None else None,
            standing=self._stands(now_s),
            running=len(self._running),
            name_cells=self._name_cells,
            cancelled=self._cancelled,
            rows=tuple(rows),
            going=tuple(Going(what, now_s - since_s, text) for what, (since_s, text) in self._going.items()),
        )
        return layout.screen(moment, columns, height, self._glyphs)

    def _stands(self, now_s: float) -> Standing | None:
        if self._view is not None and now_s >= self._standing_until_s:
            self._standing = self._view.standing()
            self._standing_until_s = now_s + self._total / _JOBS_COUNTED_A_SECOND
        return self._standing

    def _painted(self, text: Text) -> Line:
        with self._console.capture() as captured:
            self._console.print(text, end="", no_wrap=True, overflow="ignore", crop=False)
        return Line(captured.get(), text.cell_len)

    def _last_lines(self, attempt: Attempt | None) -> list[str]:
        """The end of a bad job's log, each line no longer than the terminal: its whole text is in the file."""
        if self._view is None or attempt is None or not attempt.log_bytes:
            return []
        found = tail(self._view.run_dir, attempt.log_path, _LOG_LINES).text
        cells = max(1, (self._screen.size()[0] if self._screen is not None else 2000) - 5)
        cut = [each if len(each) <= cells else each[: cells - 1] + self._glyphs.gap for each in found.split("\n")]
        return [f"    {each}" for each in cut if each]

    def _draws(self) -> bool:
        return self._stream.isatty() and not self._dumb()


def _has(stream: TextIO, glyphs: layout.Glyphs) -> bool:
    try:
        (glyphs.full + glyphs.gap).encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
