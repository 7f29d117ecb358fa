"""What became of every job in every run of one folder of reports: expected durations, and what failed last.

history.sqlite        PRAGMA user_version = 1, write-ahead log; one writer at a time, others wait for it
  run                 id, name (the run's id), started_at
  job                 id, name (the job's id), expected_s (of its ends so far, later ones count more; null: none), bad: how it
                      ended last, 1 where that was bad; null where it never came to an end of its own
  result              run, job, outcome, duration_s: one row for each job that ended; repetitions of a job are its rows too

A run is written in one transaction, at its end. Written again, as a run that was resumed is, it replaces what was there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from farm.errors import FarmError

FILE = "history.sqlite"
VERSION = 1
_WAIT_S = 30.0
_WEIGHT = 0.4
"""Of the newest duration in what is expected: four runs later it counts for a twentieth."""
_TABLES = """
CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, started_at REAL NOT NULL);
CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, expected_s REAL, bad INTEGER);
CREATE TABLE result (
    run INTEGER NOT NULL REFERENCES run, job INTEGER NOT NULL REFERENCES job,
    outcome TEXT NOT NULL, duration_s REAL NOT NULL
);
CREATE INDEX result_run ON result (run);
CREATE INDEX result_job ON result (job, run);
"""


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended in a run. ``duration_s`` is what all its attempts took, set-up included; 0 where it had none.

    ``bad`` is None where the end was not its own, such as that of a job that was cancelled.
    """

    job_id: str
    outcome: str
    duration_s: float
    bad: bool | None


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of jobs by their ids: seconds that each is expected to take, and those that were bad last time."""

    expected_s: dict[str, float]
    failed: frozenset[str]


NOTHING = Past({}, frozenset())


def read(path: str) -> Past:
    """What the history at ``path`` knows; nothing where there is none. Raises ``FarmError`` where it cannot be read."""
    if not os.path.exists(path):
        return NOTHING
    with _explained(path, "cannot be read"), closing(_opened(path, write=False)) as db:
        if not _version(db):
            return NOTHING
        rows = db.execute("SELECT name, expected_s, bad FROM job").fetchall()
    expected_s = {name: expected for name, expected, _ in rows if expected is not None}
    return Past(expected_s, frozenset(name for name, _, bad in rows if bad))


def record(path: str, run: str, started_at: float, results: Sequence[Result]) -> None:
    """Add the run ``run``, or replace what is known of it. Raises ``FarmError`` where it cannot be written."""
    with _explained(path, "cannot be written"), closing(_opened(path, write=True)) as db:
        db.execute("BEGIN IMMEDIATE")
        if not _version(db):
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")
        known = db.execute("SELECT id FROM run WHERE name = ?", (run,)).fetchone()
        seen: set[int] = set()
        if known:
            (number,) = known
            seen = {job for (job,) in db.execute("SELECT job FROM result WHERE run = ?", (number,))}
            db.execute("DELETE FROM result WHERE run = ?", (number,))
        else:
            number = db.execute("INSERT INTO run (name, started_at) VALUES (?, ?)", (run, started_at)).lastrowid
        jobs = {name: (job, expected_s) for job, name, expected_s in db.execute("SELECT id, name, expected_s FROM job")}
        changed: dict[int, tuple[float | None, bool]] = {}
        for each in results:
            name = _spelt(each.job_id)
            if name not in jobs:
                jobs[name] = (db.execute("INSERT INTO job (name) VALUES (?)", (name,)).lastrowid or 0, None)
            job, expected_s = jobs[name]
            db.execute("INSERT INTO result VALUES (?, ?, ?, ?)", (number, job, each.outcome, each.duration_s))
            if each.bad is not None and job not in seen:
                expected_s, bad = changed.get(job, (expected_s, False))
                changed[job] = (_expected_s(expected_s, each.duration_s), bad or each.bad)
        rows = [(expected_s, bad, job) for job, (expected_s, bad) in changed.items()]
        db.executemany("UPDATE job SET expected_s = ?, bad = ? WHERE id = ?", rows)
        db.execute("COMMIT")


def _opened(path: str, *, write: bool) -> sqlite3.Connection:
    # isolation_level None: transactions begin and end where they say so.
    db = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
    try:
        if write:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection) -> int:
    """0 for a new one."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version not in (0, VERSION):
        raise sqlite3.DatabaseError(f"version {version}, this farm reads {VERSION}")
    return version


def _expected_s(before_s: float | None, took_s: float) -> float | None:
    """A job that had no attempt took nothing, which says nothing."""
    if took_s <= 0:
        return before_s
    return took_s if before_s is None else before_s + _WEIGHT * (took_s - before_s)


def _spelt(name: str) -> str:
    """SQLite's text takes no lone surrogates, which an id of a matrix never has."""
    return name.encode("utf-8", "backslashreplace").decode()


@contextmanager
def _explained(path: str, what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise FarmError(f"the history of runs {what}", f"{path}: {error}", "move it away: a new one is made") from error
