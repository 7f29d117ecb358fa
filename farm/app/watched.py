"""A run that goes on, as those who show it look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farm.journal.history import Past
from farm.model.job import Job
from farm.model.ports import Engine, Glimpse
from farm.schedule.driver import Driver
from farm.schedule.repeat import first_id
from farm.schedule.standing import Standing


class Watched:
    """``View`` of ``farm.report.ui``: of the run of ``jobs`` in ``run_dir``, with what ``past`` knows of them."""

    def __init__(self, run_dir: str, driver: Driver, engine: Engine, jobs: Sequence[Job], past: Past) -> None:
        self.run_dir = run_dir
        self._driver = driver
        self._engine = engine
        self._jobs = jobs
        self._past = past

    def expected_s(self) -> Mapping[str, float | None]:
        """See ``View.expected_s``; a repetition is expected to take what the job takes."""
        return {job.id: self._past.expected_s.get(first_id(job.id)) for job in self._jobs}

    def standing(self) -> Standing:
        """See ``View.standing``."""
        return self._driver.standing()

    def look(self, job_id: str) -> Glimpse | None:
        """See ``View.look``."""
        return self._engine.look(job_id)
