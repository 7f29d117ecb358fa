"""What a user asks of a run, how it ends, and who is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from farm.model.job import Attempt, Job
from farm.model.memory import Memory
from farm.model.outcome import Outcome
from farm.model.run import Asked, RunInfo, RunRecord


@dataclass(frozen=True, slots=True)
class RunOptions:
    """``home`` is the farm's folder, ``reports`` that of reports, ``argv`` what was typed after ``farm``.

    ``keep`` holds the containers of failed jobs, while the run goes on, and with ``waits`` until somebody ends it.
    ``lenient`` leaves out ids among ``asked.jobs`` that the matrix does not have, and says so. ``verbose`` adds how well the
    host was used.
    """

    matrix: str
    home: str
    reports: str
    asked: Asked = field(default_factory=Asked)
    argv: tuple[str, ...] = ()
    keep: bool = False
    waits: bool = False
    lenient: bool = False
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: the exit code of the table in docs, the folder of its report (empty: nothing ran), what that is of."""

    exit_code: int
    run_dir: str = ""
    record: RunRecord | None = None


class Ui(Protocol):
    """Who is told of a run; those of ``farm.report`` are such."""

    def begin(self, total: int, info: RunInfo, /) -> None: ...

    def started(self, job: Job, /) -> None: ...

    def retried(self, job: Job, attempt: Attempt, /) -> None: ...

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None, /) -> None: ...

    def note(self, text: str, /) -> None: ...

    def end(self, record: RunRecord, run_dir: str, memory: Memory = ..., /) -> None: ...
