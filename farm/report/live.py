"""A live screen: ended jobs scroll by above a line of what runs; drawn from the caller's events, without a thread."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.run import RunInfo, RunRecord
from farm.report.logs import visible
from farm.report.terminal import PlainUi, ended_line

_PERIOD_S = 1 / 8


class LiveUi(PlainUi):
    """``PlainUi`` with a status line below, redrawn at most eight times a second."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._console = Console(file=stream, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._running: dict[str, None] = {}
        self._drawn_at = 0.0

    def begin(self, total: int, info: RunInfo) -> None:
        super().begin(total, info)
        self._live.start()

    def started(self, job: Job) -> None:
        self._running[job.id] = None
        self._draw()

    def finished(self, job: Job, outcome: Outcome, attempt: Attempt | None) -> None:
        self._running.pop(job.id, None)
        self._done += 1
        if not outcome.good:
            line = ended_line(self._done, self._total, job, outcome, attempt, colour=self._colour())
            self._console.print(Text.from_ansi(line))
        self._draw()

    def note(self, text: str) -> None:
        self._console.print(Text(visible(text, "")))

    def end(self, record: RunRecord, run_dir: str) -> None:
        self._live.stop()
        super().end(record, run_dir)

    def _draw(self) -> None:
        now = time.monotonic()
        if now - self._drawn_at >= _PERIOD_S:
            self._drawn_at = now
            names = ", ".join(visible(name, "") for name in self._running)
            line = Text(f"{self._done}/{self._total} done, {len(self._running)} running: {names}")
            line.truncate(self._console.width, overflow="ellipsis")
            self._live.update(line, refresh=True)
