"""The tables of the history of runs, and the steps that bring an older file up to date.

history.sqlite        PRAGMA user_version = 2, write-ahead log; one writer at a time, others wait for it
  run                 id: the second of the epoch in which it began, or the next that was free; so runs are in order of time
                      name (the run's id), started_at
                      matrix (the matrix's name), status (as in results.json; both empty: recorded before version 2)
                      shard ("2/4", empty for none), whole: 1 where it had all jobs of its matrix
  job                 id, name (the job's id), expected_s (of its ends so far, later ones count more; null: none), bad: how it
                      ended last, 1 where that was bad; null where it never came to an end of its own
  result              job, run, number: from 1 for the repetitions of a job in one run
                      outcome, duration_ms (of all attempts, set-up included), attempts (made; null: recorded before version 2)

A step is one transaction: whoever is killed in it leaves the version before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

_RUNS_1 = """
CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, started_at REAL NOT NULL);
CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, expected_s REAL, bad INTEGER);
CREATE TABLE result (
    run INTEGER NOT NULL REFERENCES run, job INTEGER NOT NULL REFERENCES job,
    outcome TEXT NOT NULL, duration_s REAL NOT NULL
);
CREATE INDEX result_run ON result (run);
CREATE INDEX result_job ON result (job, run);
"""

_RUNS_2 = """
DROP INDEX result_run;
DROP INDEX result_job;
ALTER TABLE run RENAME TO run_1;
ALTER TABLE result RENAME TO result_1;
CREATE TABLE run (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, started_at REAL NOT NULL,
    matrix TEXT NOT NULL, status TEXT NOT NULL, shard TEXT NOT NULL, whole INTEGER NOT NULL
);
CREATE TABLE result (
    job INTEGER NOT NULL REFERENCES job, run INTEGER NOT NULL REFERENCES run, number INTEGER NOT NULL,
    outcome TEXT NOT NULL, duration_ms INTEGER NOT NULL, attempts INTEGER,
    PRIMARY KEY (job, run, number)
) WITHOUT ROWID;
"""
_RESULTS_2 = """
INSERT INTO result
    SELECT job, run.id, row_number() OVER (PARTITION BY job, run.id ORDER BY result_1.rowid),
        outcome, CAST(round(1000 * duration_s) AS INTEGER), NULL
    FROM result_1 JOIN run_1 ON run_1.id = run JOIN run USING (name);
UPDATE run SET status = 'interrupted' WHERE id IN (SELECT run FROM result WHERE outcome = 'cancelled');
DROP TABLE result_1;
DROP TABLE run_1;
CREATE INDEX result_run ON result (run);
"""


def _to_1(db: sqlite3.Connection) -> None:
    _all(db, _RUNS_1)


def _to_2(db: sqlite3.Connection) -> None:
    _all(db, _RUNS_2)
    for name, started_at in db.execute("SELECT name, started_at FROM run_1 ORDER BY started_at, id").fetchall():
        row = (free_number(db, started_at), name, started_at)
        db.execute("INSERT INTO run VALUES (?, ?, ?, '', '', '', 0)", row)
    _all(db, _RESULTS_2)


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_to_1, _to_2)
"""What makes version 1 of an empty file, version 2 of version 1, and so on."""
VERSION = len(STEPS)


class NewerError(sqlite3.DatabaseError):
    """A file that a later version of the farm wrote."""


def version(db: sqlite3.Connection) -> int:
    """0 for a new one. Raises ``NewerError``."""
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if not 0 <= found <= VERSION:
        raise NewerError(f"version {found}, this farm knows {VERSION}")
    return found


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file up to ``VERSION``, whatever it is at; ``db`` has no transaction open. Raises ``sqlite3.Error``."""
    for number, step in enumerate(STEPS, 1):
        if version(db) >= number:
            continue
        db.execute("BEGIN IMMEDIATE")
        try:
            if version(db) == number - 1:  # another process may have been here while we waited for it
                step(db)
                db.execute(f"PRAGMA user_version={number}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def free_number(db: sqlite3.Connection, started_at: float) -> int:
    """The ``id`` for a run that began then."""
    number = int(started_at)
    while db.execute("SELECT 1 FROM run WHERE id = ?", (number,)).fetchone():
        number += 1
    return number


def _all(db: sqlite3.Connection, statements: str) -> None:
    """One by one: ``executescript`` would commit before the first."""
    for statement in filter(str.strip, statements.split(";")):
        db.execute(statement)
