"""Who is told of a run while it goes on, and what of it may be looked at meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from farm.model.job import Attempt, Job
from farm.model.memory import Memory
from farm.model.outcome import Outcome
from farm.model.ports import Glimpse
from farm.model.run import RunInfo, RunRecord
from farm.report.findings import Group
from farm.schedule.standing import Standing


class View(Protocol):
    """A run that goes on. It costs when it is looked at, and only then."""

    @property
    def run_dir(self) -> str:
        """The run's folder, where its logs are."""
        ...

    def expected_s(self) -> Mapping[str, float | None]:
        """For each job of this run, by id, how long the history says that it takes; None where it is new."""
        ...

    def standing(self) -> Standing:
        """What runs, and why the rest waits; goes through all jobs."""
        ...

    def look(self, job_id: str) -> Glimpse | None:
        """How a running job is doing, None where it does not run."""
        ...


class Ui(Protocol):
    """What a run tells while it goes on; every method returns at once, and none fails for what the stream does."""

    def begin(self, total: int, info: RunInfo, /) -> None:
        """The run starts with ``total`` jobs."""
        ...

    def watch(self, view: View, /) -> None:
        """From here until ``end`` the run can be looked at."""
        ...

    def started(self, job: Job, /) -> None:
        """An attempt at ``job`` starts."""
        ...

    def retried(self, job: Job, attempt: Attempt, /) -> None:
        """``attempt`` ended, and another one will be made."""
        ...

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None, /) -> None:
        """``job`` ended, for ``reason`` where it did not pass; ``attempt`` is its last, None where there was none."""
        ...

    def progress(self, what: str, text: str, /) -> None:
        """How far ``what``, such as ``preparing debian-12``, has come; about once a second, and empty when it is over."""
        ...

    def note(self, text: str, /) -> None:
        """A sentence about the run, and perhaps further lines that go with it."""
        ...

    def end(self, record: RunRecord, run_dir: str, memory: Memory = ..., groups: Sequence[Group] = ..., /) -> None:
        """The run ended; its reports are in ``run_dir``.

        ``memory`` is what earlier runs say, ``groups`` are what its failures have in common.
        """
        ...
