"""What a user asks of a run, how it ends, and who is told of it."""

from __future__ import annotations

from dataclasses import field

from farm.model.run import Asked, RunRecord
from farm.report.ui import Ui as Ui  # whoever runs something takes it from here
from farm.values import dataclass


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
