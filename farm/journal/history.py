"""What became of every job in every run of one folder of reports: written at a run's end, read when the next one begins.

A run is written in one transaction. Written again, as a run that was resumed is, it replaces what was there; a run that was
merged of others replaces them. The tables are in ``history_schema``, what else is asked of them in ``history_reader``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence

from farm.journal import history_file
from farm.journal.history_file import FILE as FILE
from farm.journal.history_schema import free_number
from farm.values import dataclass

_WEIGHT = 0.4
"""Of the newest duration in what is expected: four runs later it counts for a twentieth."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended in a run. ``duration_s`` is what all its ``attempts`` took, set-up included; 0 where it had none.

    ``bad`` is None where the end was not its own, such as that of a job that was cancelled.
    """

    job_id: str
    outcome: str
    duration_s: float
    bad: bool | None
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """What a run was: of which matrix, how it ended, which part (``2/4``, empty for none), with all jobs of its matrix."""

    matrix: str = ""
    status: str = ""
    shard: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of jobs by their ids: seconds that each is expected to take, and those that were bad last time."""

    expected_s: dict[str, float]
    failed: frozenset[str]


NOTHING = Past({}, frozenset())


def read(path: str) -> Past:
    """What the history at ``path`` knows; nothing where there is none. Raises ``FarmError`` where it cannot be read.

    Every version has what this takes: a run does not wait at its beginning until an older file is up to date.
    """
    if not os.path.exists(path):
        return NOTHING
    with history_file.as_it_is(path) as (db, version):
        if not version:
            return NOTHING
        rows = db.execute("SELECT name, expected_s, bad FROM job").fetchall()
    expected_s = {name: expected for name, expected, _ in rows if expected is not None}
    return Past(expected_s, frozenset(name for name, _, bad in rows if bad))


def record(
    path: str,
    run: str,
    started_at: float,
    results: Sequence[Result],
    kind: Kind = Kind(),  # noqa: B008 - it is frozen
    replaces: Sequence[str] = (),
) -> None:
    """Add the run ``run``, or replace what is known of it, and of the runs ``replaces``. Raises ``FarmError``."""
    with history_file.to_write(path) as db:
        db.execute("BEGIN IMMEDIATE")
        seen: set[int] = set()
        for name in replaces:
            if name != run:
                seen |= _removed(db, spelt(name))
        known = db.execute("SELECT id FROM run WHERE name = ?", (run,)).fetchone()
        seen |= _removed(db, run)
        number = known[0] if known else free_number(db, started_at)
        row = (number, run, started_at, spelt(kind.matrix), kind.status, kind.shard, kind.whole)
        db.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        _add(db, number, results, seen)
        db.execute("COMMIT")


def _removed(db: sqlite3.Connection, run: str) -> set[int]:
    """The jobs that it had; they have changed what is expected already."""
    known = db.execute("SELECT id FROM run WHERE name = ?", (run,)).fetchone()
    if not known:
        return set()
    seen = {job for (job,) in db.execute("SELECT job FROM result WHERE run = ?", known)}
    db.execute("DELETE FROM result WHERE run = ?", known)
    db.execute("DELETE FROM run WHERE id = ?", known)
    return seen


def _add(db: sqlite3.Connection, number: int, results: Sequence[Result], seen: set[int]) -> None:
    jobs = {name: (job, expected_s) for job, name, expected_s in db.execute("SELECT id, name, expected_s FROM job")}
    later = {job for (job,) in db.execute("SELECT DISTINCT job FROM result WHERE run > ?", (number,))}
    changed: dict[int, tuple[float | None, bool]] = {}
    repetitions: dict[int, int] = {}
    rows = []
    for each in results:
        name = spelt(each.job_id)
        if name not in jobs:
            jobs[name] = (db.execute("INSERT INTO job (name) VALUES (?)", (name,)).lastrowid or 0, None)
        job, expected_s = jobs[name]
        repetitions[job] = repetitions.get(job, 0) + 1
        rows.append((job, number, repetitions[job], each.outcome, round(1000 * each.duration_s), each.attempts))
        if each.bad is not None and job not in seen:
            expected_s, bad = changed.get(job, (expected_s, False))
            changed[job] = (_expected_s(expected_s, each.duration_s), bad or each.bad)
    db.executemany("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?)", rows)
    expectations = [(expected_s, job) for job, (expected_s, _) in changed.items()]
    db.executemany("UPDATE job SET expected_s = ? WHERE id = ?", expectations)
    last = [(bad, job) for job, (_, bad) in changed.items() if job not in later]
    db.executemany("UPDATE job SET bad = ? WHERE id = ?", last)


def _expected_s(before_s: float | None, took_s: float) -> float | None:
    """A job that had no attempt took nothing, which says nothing."""
    if took_s <= 0:
        return before_s
    return took_s if before_s is None else before_s + _WEIGHT * (took_s - before_s)


def spelt(name: str) -> str:
    """``name`` as SQLite's text takes it: without lone surrogates, as the name of a file that is no UTF-8 has them."""
    return name.encode("utf-8", "backslashreplace").decode()
