"""What a person at a terminal reads: one line per job while it runs, then counts, failures and the verdict last.

A reader that goes away (``| head``, a closed terminal) must not cost the run its report: from the first failed write on,
what is said goes nowhere.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from farm.model.job import Attempt, Job
from farm.model.memory import NO_MEMORY, Memory
from farm.model.outcome import Outcome
from farm.model.run import RunInfo, RunRecord
from farm.report import words
from farm.report.closing import closing, painted
from farm.report.findings import Group
from farm.report.going import clock as clock_text
from farm.report.going import left, waits
from farm.report.text import line, paragraph
from farm.report.ui import View
from farm.schedule.estimate import Estimate
from farm.units import format_duration

HEARTBEAT_S = 60.0
_PROGRESS_EVERY_S = 10.0


class QuietUi:
    """Says nothing until the end, and then only what went wrong."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ended = False  # what is given up may still have something to tell

    def begin(self, total: int, info: RunInfo) -> None:
        pass

    def watch(self, view: View) -> None:
        pass

    def started(self, job: Job) -> None:
        pass

    def retried(self, job: Job, attempt: Attempt) -> None:
        pass

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        pass

    def progress(self, what: str, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def end(self, record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY, groups: Sequence[Group] = ()) -> None:
        said = closing(record, run_dir, memory, groups, colour=self._colour(), only_bad=True)
        if said:
            self._write(said)

    def _colour(self) -> bool:
        return self._stream.isatty() and not os.environ.get("NO_COLOR") and not self._dumb()

    def _dumb(self) -> bool:
        return os.environ.get("TERM") == "dumb"

    def _write(self, text: str, end: str = "\n") -> None:
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + end)
            self._stream.flush()
        except OSError:
            silence(self._stream)


class PlainUi(QuietUi):
    """One line per ended job, for logs and pipes; the same in the same order whoever reads it.

    Where none came for ``heartbeat_s``, by ``clock``, there is one on how far the run is.
    """

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic, *, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        super().__init__(stream)
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._total = 0
        self._done = 0
        self._view: View | None = None
        self._estimate = Estimate({})
        self._running: dict[str, float] = {}
        self._next_s: dict[str, float] = {}
        self._said_s = clock()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, total: int, info: RunInfo) -> None:
        self._total = total
        self._say(opening(total, info))

    def watch(self, view: View) -> None:
        self._view = view
        self._estimate = Estimate(view.expected_s())
        self.heartbeat()

    def started(self, job: Job) -> None:
        self._running[job.id] = now_s = self._clock()
        self._estimate.started(job.id, now_s)

    def retried(self, job: Job, attempt: Attempt) -> None:
        self._running.pop(job.id, None)
        self._estimate.retried(job.id, self._clock())
        self._say(retried_line(self._total, job, attempt, colour=self._colour()))

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        self._done += 1
        self._running.pop(job.id, None)
        self._estimate.finished(job.id, self._clock())
        if outcome is Outcome.CANCELLED and attempt is None:
            return  # an interrupted run has hundreds of them, and its last words count them
        self._say(ended_line(self._done, self._total, job, outcome, reason, attempt, colour=self._colour()))

    def progress(self, what: str, text: str) -> None:
        now_s = self._clock()
        if not text or self._ended:
            self._next_s.pop(what, None)
        elif now_s >= self._next_s.setdefault(what, now_s + _PROGRESS_EVERY_S):
            self._next_s[what] = now_s + _PROGRESS_EVERY_S
            self._say(line(f"{what}: {text}"))

    def note(self, text: str) -> None:
        self._say(paragraph(text))

    def end(self, record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY, groups: Sequence[Group] = ()) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ended = True
        self._view = None
        self._write(closing_words(record, run_dir, memory, groups, colour=self._colour()))

    def heartbeat(self) -> None:
        """Say how far the run is where nothing was said for so long, and look again when that may be so."""
        if self._view is None:
            return
        now_s = self._clock()
        if now_s - self._said_s >= self._heartbeat_s:
            self._say(self._heard(self._view, now_s))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # without a loop it is for the caller to come again
        if self._timer is not None:
            self._timer.cancel()
        left_s = self._said_s + self._heartbeat_s - now_s
        self._timer = loop.call_later(max(0.0, left_s), self.heartbeat)

    def _heard(self, view: View, now_s: float) -> str:
        parts = [f"{len(self._running)} running"]
        if said := waits(view.standing()):
            parts.append(said)
        if self._running:
            job_id, since_s = next(iter(self._running.items()))  # in order of starting
            parts.append(f"longest {line(job_id)} {clock_text(now_s - since_s)}")
        left_s = self._estimate.left_s(now_s)
        if left_s is not None:
            parts.append(left(left_s))
        return f"[{self._done:{len(str(self._total))}}/{self._total}] {'; '.join(parts)}"

    def _say(self, text: str) -> None:
        self._said_s = self._clock()
        self._write(text)


def opening(total: int, info: RunInfo) -> str:
    """The first words of a run: what there is to do, where, and what its isolation goes without."""
    jobs, cpus = words.count(total, "job", "jobs"), words.count(info.cpus, "cpu", "cpus")
    first = f"{line(info.name)}: {jobs} on {line(info.host_name or info.hostname)}, {cpus}"
    return "\n".join([first, *(paragraph(f"warning: {each}") for each in words.weaknesses(info))])


def closing_words(record: RunRecord, run_dir: str, memory: Memory, groups: Sequence[Group], *, colour: bool) -> str:
    """The last words of a run, below what was said before."""
    return "\n" + closing(record, run_dir, memory, groups, colour=colour)


def retried_line(total: int, job: Job, attempt: Attempt, *, colour: bool) -> str:
    """The line of an attempt that is not the last: its job is not done, so it has no number."""
    told = ended_line(0, total, job, attempt.outcome, attempt.reason, attempt, colour=colour)
    place = f"[{'retry':>{2 * len(str(total)) + 1}}]"
    return place + told.partition("]")[2]


def ended_line(
    done: int, total: int, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None, *, colour: bool
) -> str:
    """``[ 3/20] failed    8.1 s  unit/alpine-3.19: exit status 1``."""
    took = format_duration(attempt.duration_s) if attempt else ""
    told = "" if outcome is Outcome.PASSED else line(words.told(reason, attempt))
    word = painted(f"{outcome.value:9}", outcome, colour=colour)
    return f"[{done:{len(str(total))}}/{total}] {word} {took:>7}  {line(job.id)}{': ' if told else ''}{told}"


def silence(stream: TextIO) -> None:
    """Send whatever ``stream`` still holds and will be given to /dev/null: its reader has gone (EPIPE, EIO).

    What is buffered would otherwise be tried again when the interpreter ends, and change its exit status.
    """
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(descriptor, stream.fileno(), inheritable=False)
        os.close(descriptor)
        stream.flush()
    except OSError:
        pass  # not a descriptor's stream, or none left: there is nobody to tell
