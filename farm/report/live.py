"""A live screen: bad jobs scroll by above a few lines of what runs.

Drawn from the caller's events and, where there is an event loop, from a timer on it: no thread, and eight times a second
at most, however many jobs end. rich is imported here only: it costs a tenth of a second, which plain output need not pay.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from farm.model.job import Attempt, Job
from farm.model.memory import NO_MEMORY, Memory
from farm.model.outcome import Outcome
from farm.model.run import RunInfo, RunRecord
from farm.report.terminal import PlainUi, ended_line, silence
from farm.report.text import line, paragraph

_PERIOD_S = 1 / 8
_TICK_S = 0.25
_LEAST_SHOWN, _MOST_SHOWN = 3, 12  # running jobs, by the height of the terminal
_BAR_CELLS = 20
_HEAD_CELLS = 45  # of what is said after the bar, which matters more


class LiveUi(PlainUi):
    """``PlainUi`` on a screen of its own at the bottom of the terminal; the clock is a parameter."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._console = Console(file=stream, highlight=False, no_color=not self._colour() or None)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._running: dict[str, float] = {}
        self._bad = 0
        self._begun_at = 0.0
        self._drawn_at = float("-inf")
        self._drawn_width = 0
        self._drawn_cells: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, total: int, info: RunInfo) -> None:
        super().begin(total, info)
        self._begun_at = self._clock()
        self._try(self._start)
        self._tick()

    def started(self, job: Job) -> None:
        self._running[job.id] = self._clock()
        self._draw()

    def retried(self, job: Job, attempt: Attempt) -> None:
        self._running.pop(job.id, None)
        self._print(self._retried_line(job, attempt))
        self._draw()

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        self._running.pop(job.id, None)
        self._done += 1
        if outcome.bad:
            self._bad += 1
            self._print(ended_line(self._done, self._total, job, outcome, reason, attempt, colour=self._colour()))
        self._draw()

    def note(self, text: str) -> None:
        self._print(paragraph(text))

    def end(self, record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY) -> None:
        self._stop()
        super().end(record, run_dir, memory)

    def _start(self) -> None:
        self._live.start()
        # rich hides the cursor; then SIGKILL or SIGQUIT would leave a terminal without one.
        self._console.show_cursor(True)

    def _tick(self) -> None:
        """Keeps the clock on the screen going while no job ends."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # without a loop the screen changes with events only
        self._draw()
        self._timer = loop.call_later(_TICK_S, self._tick)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._try(self._live.stop)

    def _draw(self) -> None:
        now = self._clock()
        if now - self._drawn_at >= _PERIOD_S:
            self._drawn_at = now
            self._try(lambda: self._redraw(self._screen(now)))

    def _redraw(self, lines: list[Text]) -> None:
        """Draw over what was drawn before, also where a narrower terminal has wrapped it by now."""
        width = self._console.width
        if width < self._drawn_width:
            extra = sum(max(0, (min(each, self._drawn_width) - 1) // width) for each in self._drawn_cells)
            self._stream.write(f"\x1b[{extra}A\x1b[J" if extra else "")
        self._live.update(Group(*lines), refresh=True)
        self._drawn_width, self._drawn_cells = width, [each.cell_len for each in lines]

    def _screen(self, now: float) -> list[Text]:
        cells = max(0, min(_BAR_CELLS, self._console.width - _HEAD_CELLS))
        full = cells * self._done // self._total if self._total else 0
        head = Text(no_wrap=True, overflow="ellipsis")
        head.append("━" * full, "green" if not self._bad else "red").append("━" * (cells - full), "bright_black")
        head.append(f"{' ' if cells else ''}{self._done}/{self._total}", "bold")
        if self._bad:
            head.append(f"  {self._bad} bad", "bold red")
        head.append(f"  {len(self._running)} running  {_clock_text(now - self._begun_at)}")
        lines = [head]
        shown = max(_LEAST_SHOWN, min(_MOST_SHOWN, self._console.height // 4))
        for name, since in itertools.islice(self._running.items(), shown):  # in order of starting: the longest first
            each = Text(f"  {_clock_text(now - since)} ", "bright_black", no_wrap=True, overflow="ellipsis")
            lines.append(each.append(_fitted(line(name), self._console.width - each.cell_len), "default"))
        return lines

    def _print(self, text: str) -> None:
        shown = Text.from_ansi(text)
        self._try(lambda: self._console.print(shown, soft_wrap=True))

    def _try(self, draw: Callable[[], object]) -> None:
        try:
            draw()
        except OSError:
            silence(self._stream)


def _fitted(name: str, cells: int) -> str:
    """``name`` without its middle where it is too long: jobs of one test differ in their ends."""
    if len(name) <= cells or cells < 3:
        return name
    end = (cells - 1) * 2 // 3
    return f"{name[: cells - 1 - end]}…{name[-end:]}"


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
