"""``--ui json``: a run as events for another program, one JSON object a line, schema 1, described in docs/ui.md.

Within a schema, events and keys are added, never renamed or removed. A line is ASCII, whatever it tells of, and is written at
once. Seconds are ``_s`` and ``at``, bytes ``_bytes``.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TextIO, TypeAlias

from farm.model.job import Attempt, Job
from farm.model.memory import NO_MEMORY, Change, Memory
from farm.model.outcome import Outcome
from farm.model.run import RunInfo, RunRecord
from farm.report import summary, words
from farm.report.findings import Group
from farm.report.terminal import QuietUi
from farm.report.ui import View

SCHEMA = 1

Value: TypeAlias = "str | int | float | bool | list[str] | dict[str, Value] | None"


class JsonUi(QuietUi):
    """``clock`` gives seconds since the epoch."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.time) -> None:
        super().__init__(stream)
        self._clock = clock
        self._total = 0
        self._done = 0

    def begin(self, total: int, info: RunInfo) -> None:
        self._total = total
        self._tell(
            "begin",
            schema=SCHEMA,
            run=info.id,
            name=info.name,
            matrix_path=info.matrix_path,
            farm_version=info.farm_version,
            hostname=info.hostname,
            host_name=info.host_name,
            kernel=info.kernel,
            cpus=info.cpus,
            memory_bytes=info.memory_bytes,
            warnings=list(words.weaknesses(info)),
            total=total,
        )

    def watch(self, view: View) -> None:
        self._tell("folder", path=os.path.abspath(view.run_dir))

    def started(self, job: Job) -> None:
        self._tell("started", **_named(job))

    def retried(self, job: Job, attempt: Attempt) -> None:
        self._tell("retried", **_named(job), attempt=_attempt(attempt))

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None) -> None:
        self._done += 1
        self._tell(
            "finished",
            **_named(job),
            outcome=outcome.value,
            bad=outcome.bad,
            reason="" if outcome is Outcome.PASSED else words.told(reason, attempt),
            attempt=_attempt(attempt) if attempt is not None else None,
            done=self._done,
            total=self._total,
        )

    def progress(self, what: str, text: str) -> None:
        if not self._ended:
            self._tell("progress", what=what, text=text, over=not text)

    def note(self, text: str) -> None:
        self._tell("note", text=text)

    def end(self, record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY, groups: Sequence[Group] = ()) -> None:
        changes = Counter(each.change for each in memory.jobs.values())
        self._ended = True
        status = summary.status_of(record)
        self._tell(
            "end",
            run=record.info.id,
            status=status.value,
            exit_code=status.exit_code,
            duration_s=record.duration_s,
            total=len(record.jobs),
            bad=len(summary.failures(record.jobs)),
            counts={outcome.value: number for outcome, number in summary.counts(record.jobs).items()},
            path=os.path.abspath(run_dir),
            baseline=memory.baseline or None,
            changes={change.value: changes[change] for change in Change},
            common=[each.causes[0].sentence for each in groups if each.causes],
        )

    def _tell(self, event: str, **values: Value) -> None:
        told = {"event": event, "at": round(self._clock(), 3), **values}
        self._write(json.dumps(_encodable(told), separators=(",", ":"), allow_nan=False))


def _named(job: Job) -> dict[str, Value]:
    return {"job": job.id, "test": job.test, "distro": job.distro}


def _attempt(attempt: Attempt) -> dict[str, Value]:
    """``exit_code`` and ``signal`` are what the wait status says; at most one of them is not null."""
    code = None if attempt.wait_status is None else os.waitstatus_to_exitcode(attempt.wait_status)
    return {
        "number": attempt.number,
        "outcome": attempt.outcome.value,
        "reason": words.told(attempt.reason, attempt),
        "setup_s": round(attempt.setup_s, 6),
        "duration_s": round(attempt.duration_s, 6),
        "exit_code": code if code is not None and code >= 0 else None,
        "signal": -code if code is not None and code < 0 else None,
        "cpu_s": attempt.usage.cpu_s,
        "memory_peak_bytes": attempt.usage.memory_peak_bytes,
        "log_path": attempt.log_path,
        "log_bytes": attempt.log_bytes,
    }


def _encodable(value: Value) -> Value:
    """``value`` with ``?`` for lone surrogates, such as a path that is no UTF-8 has: many readers refuse a line with one."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {str(_encodable(name)): _encodable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [each.encode("utf-8", "replace").decode() for each in value]
    return value
