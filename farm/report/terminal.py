"""What a person at a terminal reads: one line per job while it runs, then counts, then the failures last."""

from __future__ import annotations

import os
from typing import Protocol, TextIO

import tabulate

from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunInfo, RunRecord
from farm.report import summary
from farm.report.logs import tail, visible
from farm.units import format_duration

_LOG_LINES = 10


class Ui(Protocol):
    """What a run tells while it goes on; every method returns at once."""

    def begin(self, total: int, info: RunInfo) -> None: ...
    def started(self, job: Job) -> None: ...
    def finished(self, job: Job, outcome: Outcome, attempt: Attempt | None) -> None: ...
    def note(self, text: str) -> None: ...
    def end(self, record: RunRecord, run_dir: str) -> None: ...


class QuietUi:
    """Says nothing until the end: counts and failures."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self, total: int, info: RunInfo) -> None:
        """The run starts with ``total`` jobs."""

    def started(self, job: Job) -> None:
        """An attempt at ``job`` starts."""

    def finished(self, job: Job, outcome: Outcome, attempt: Attempt | None) -> None:
        """``job`` ended; ``attempt`` is its last, None where there was none."""

    def note(self, text: str) -> None:
        """A sentence about the run."""

    def end(self, record: RunRecord, run_dir: str) -> None:
        """The run ended; its reports are in ``run_dir``."""
        self._write(final(record, run_dir, colour=self._colour()))

    def _colour(self) -> bool:
        return self._stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        self._stream.flush()


class PlainUi(QuietUi):
    """One line per ended job, for logs and pipes."""

    _total = 0
    _done = 0

    def begin(self, total: int, info: RunInfo) -> None:
        self._total = total
        self._write(f"{visible(info.name, '')}: {total} jobs on {visible(info.host_name, '')}, {info.cpus} CPUs")
        for warning in info.warnings:
            self.note(f"warning: {warning}")

    def finished(self, job: Job, outcome: Outcome, attempt: Attempt | None) -> None:
        self._done += 1
        self._write(ended_line(self._done, self._total, job, outcome, attempt, colour=self._colour()))

    def note(self, text: str) -> None:
        self._write(visible(text, ""))


def ended_line(done: int, total: int, job: Job, outcome: Outcome, attempt: Attempt | None, *, colour: bool) -> str:
    """``[ 3/20] failed    8.1 s  unit/alpine-3.19: exit 1``."""
    took = format_duration(attempt.duration_s) if attempt else ""
    reason = f": {visible(attempt.reason, '')}" if attempt and attempt.reason and outcome is not Outcome.PASSED else ""
    word = _painted(f"{outcome.value:9}", outcome, colour=colour)
    return f"[{done:{len(str(total))}}/{total}] {word} {took:>7}  {visible(job.id, '')}{reason}"


def final(record: RunRecord, run_dir: str, *, colour: bool = False) -> str:
    """The last words: distro by outcome, where the report is, then each failure with the end of its log."""
    used = list(summary.counts(record.jobs))
    distros: dict[str, list[JobRecord]] = {}
    for job in record.jobs:
        distros.setdefault(job.job.distro, []).append(job)
    rows = []
    for distro, jobs in distros.items():
        found = summary.counts(jobs)
        rows.append([visible(distro, ""), *(str(found.get(outcome, "")) for outcome in used)])
    aligned = ["left"] + ["right"] * len(used)
    headers = ["distro", *used]
    table = tabulate.tabulate(rows, headers, tablefmt="simple", colalign=aligned, disable_numparse=True) if rows else ""
    took = f" in {format_duration(record.duration_s)}" if record.duration_s is not None else ""
    report = visible(os.path.join(run_dir, "index.html"), "")
    parts = [table, f"{len(record.jobs)} jobs{took}: {record.status or 'unfinished'}; report: {report}"]
    parts += [_failure(job, run_dir, colour=colour) for job in summary.failures(record.jobs)]
    return "\n\n".join(part for part in parts if part)


def _failure(record: JobRecord, run_dir: str, *, colour: bool) -> str:
    outcome = record.outcome or Outcome.ERROR
    lines = [
        f"{_painted(outcome.value, outcome, colour=colour)} {visible(record.job.id, '')}: {visible(record.reason, '')}"
    ]
    if record.attempts and record.attempts[-1].log_path:
        path = record.attempts[-1].log_path
        log = visible(tail(run_dir, path, _LOG_LINES))
        lines += [f"    {line}" for line in log.split("\n") if log]
        lines.append(f"  log: {visible(os.path.join(run_dir, path), '')}")
    return "\n".join(lines)


def _painted(text: str, outcome: Outcome, *, colour: bool) -> str:
    if not colour:
        return text
    return f"\x1b[{31 if outcome.bad else 32 if outcome.good else 33}m{text}\x1b[0m"
