"""What the history knows of runs and of jobs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from farm.journal import history_file
from farm.model.outcome import Outcome
from farm.values import dataclass

Row: TypeAlias = tuple[int, int, str, int, int | None]
"""A run's number, that of the repetition, an outcome, milliseconds, attempts: as they are in the file, where they are many."""
OUTCOMES: Mapping[str, Outcome] = {each.value: each for each in Outcome}
_ENDED = frozenset({"good", "bad", "infrastructure", ""})


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run. ``number`` orders runs by time; ``matrix`` and ``status`` are empty where version 1 recorded it."""

    number: int
    id: str
    started_at: float
    matrix: str
    status: str
    shard: str
    whole: bool

    @property
    def ended(self) -> bool:
        """It came to an end by itself: nobody interrupted it, and no deadline did."""
        return self.status in _ENDED


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended in the run ``number``; one of several where it was repeated. ``attempts`` None: not known."""

    number: int
    outcome: Outcome
    duration_s: float
    attempts: int | None


class HistoryReader:
    """The history at a path, open. ``runs`` are all runs, oldest first.

    A result whose outcome this farm does not know is left out.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute("SELECT id, name, started_at, matrix, status, shard, whole FROM run ORDER BY id")
        self.runs = tuple(
            PastRun(number, name, started_at, matrix, status, shard, bool(whole))
            for number, name, started_at, matrix, status, shard, whole in rows
        )

    def run(self, run_id: str) -> PastRun | None:
        """The run of this id."""
        return next((each for each in self.runs if each.id == run_id), None)

    def jobs(self) -> dict[str, int]:
        """The number of each job, by its id."""
        return dict(self._db.execute("SELECT name, id FROM job ORDER BY name"))

    def rows(self, job: int, before: int | None = None) -> Iterator[Row]:
        """Those of the job with this number, the newest first, and of a run its last repetition first.

        ``before`` a run's number only those of runs before it.

        Nothing is read before it is asked for: whoever has seen enough may stop.
        """
        most = before if before is not None else (1 << 62)
        return self._db.execute(
            "SELECT run, number, outcome, duration_ms, attempts FROM result WHERE job = ? AND run < ?"
            " ORDER BY run DESC, number DESC",
            (job, most),
        )

    def results(self, run: PastRun) -> dict[str, list[End]]:
        """The ends of each job of a run, in the order of its repetitions, by the job's id."""
        rows = self._db.execute(
            "SELECT name, number, outcome, duration_ms, attempts FROM result JOIN job ON job.id = job"
            " WHERE run = ? ORDER BY name, number",
            (run.number,),
        )
        found: dict[str, list[End]] = {}
        for name, *row in rows:
            known = end((run.number, *row))
            if known is not None:
                found.setdefault(name, []).append(known)
        return found


def end(row: Row) -> End | None:
    """What it says."""
    number, _, text, duration_ms, attempts = row
    outcome = OUTCOMES.get(text)
    return None if outcome is None else End(number, outcome, duration_ms / 1000, attempts)


@contextmanager
def reading(path: str) -> Iterator[HistoryReader | None]:
    """The history at ``path``; None where there is none. Raises ``FarmError`` where it cannot be read."""
    if not os.path.exists(path):
        yield None
        return
    with history_file.to_read(path) as db:
        yield HistoryReader(db)


def baseline(runs: tuple[PastRun, ...], before: int, matrix: str, shard: str = "") -> PastRun | None:
    """The run to compare with one of ``matrix`` that is ``before`` in the order of runs; of the part ``shard``, if it is one.

    The last that came to an end and had all jobs, or was the same part; where there is none, the last that came to an end.
    """
    fit = [each for each in runs if each.number < before and each.ended and each.matrix in (matrix, "")]
    same = [each for each in fit if each.whole or (shard and each.shard == shard)]
    found = same or fit
    return found[-1] if found else None
