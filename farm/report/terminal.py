"""What a person at a terminal reads: one line per job while it runs, then counts, failures and the verdict last.

A reader that goes away (``| head``, a closed terminal) must not cost the run its report: from the first failed write on,
what is said goes nowhere.
"""

from __future__ import annotations

import os
from typing import Protocol, TextIO

from farm.model.job import Attempt, Job
from farm.model.memory import NO_MEMORY, Memory
from farm.model.outcome import Outcome
from farm.model.run import RunInfo, RunRecord
from farm.report import words
from farm.report.closing import closing, painted
from farm.report.text import line, paragraph
from farm.units import format_duration


class Ui(Protocol):
    """What a run tells while it goes on; every method returns at once, and none fails for what the stream does."""

    def begin(self, total: int, info: RunInfo) -> None:
        """The run starts with ``total`` jobs."""
        ...

    def started(self, job: Job) -> None:
        """An attempt at ``job`` starts."""
        ...

    def retried(self, job: Job, attempt: Attempt) -> None:
        """``attempt`` ended, and another one will be made."""
        ...

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        """``job`` ended, for ``reason`` where it did not pass; ``attempt`` is its last, None where there was none."""
        ...

    def note(self, text: str) -> None:
        """A sentence about the run, and perhaps further lines that go with it."""
        ...

    def end(self, record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY) -> None:
        """The run ended; its reports are in ``run_dir``, ``memory`` is what earlier runs say."""
        ...


class QuietUi:
    """Says nothing until the end, and then only what went wrong."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self, total: int, info: RunInfo) -> None:
        pass

    def started(self, job: Job) -> None:
        pass

    def retried(self, job: Job, attempt: Attempt) -> None:
        pass

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def end(self, record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY) -> None:
        said = closing(record, run_dir, memory, colour=self._colour(), only_bad=True)
        if said:
            self._write(said)

    def _colour(self) -> bool:
        return self._stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            self._stream.flush()
        except OSError:
            silence(self._stream)


class PlainUi(QuietUi):
    """One line per ended job, for logs and pipes; the same in the same order whoever reads it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._total = 0
        self._done = 0

    def begin(self, total: int, info: RunInfo) -> None:
        self._total = total
        jobs, cpus = words.count(total, "job", "jobs"), words.count(info.cpus, "cpu", "cpus")
        self._write(f"{line(info.name)}: {jobs} on {line(info.host_name or info.hostname)}, {cpus}")
        for warning in words.weaknesses(info):
            self.note(f"warning: {warning}")

    def retried(self, job: Job, attempt: Attempt) -> None:
        self._write(self._retried_line(job, attempt))

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        self._done += 1
        if outcome is Outcome.CANCELLED and attempt is None:
            return  # an interrupted run has hundreds of them, and its last words count them
        self._write(ended_line(self._done, self._total, job, outcome, reason, attempt, colour=self._colour()))

    def note(self, text: str) -> None:
        self._write(paragraph(text))

    def _retried_line(self, job: Job, attempt: Attempt) -> str:
        """The line of an attempt that is not the last: its job is not done, so it has no number."""
        told = ended_line(0, self._total, job, attempt.outcome, attempt.reason, attempt, colour=self._colour())
        place = f"[{'retry':>{2 * len(str(self._total)) + 1}}]"
        return place + told.partition("]")[2]

    def end(self, record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY) -> None:
        self._write("\n" + closing(record, run_dir, memory, colour=self._colour()))


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
