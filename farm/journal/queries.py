"""Reading a journal back: of a run that ended, still runs, or was killed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from farm.errors import FarmError
from farm.journal import schema
from farm.model.job import Attempt
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord

_REMEDY = "name the folder of a run of this version of farm"


def read(path: str) -> RunRecord:
    """The run that the journal at ``path`` tells of, up to its last commit.

    Raises ``FarmError`` where there is no journal, it is damaged or another version of farm wrote it.
    """
    if not os.path.isfile(path):
        raise FarmError("there is no journal of a run", path, _REMEDY)
    try:
        with closing(sqlite3.connect(path)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version != schema.VERSION:
                detail = f"{path}: version {version}, this farm reads {schema.VERSION}"
                raise FarmError("the journal is of another version", detail, _REMEDY)
            db.execute("BEGIN")  # one snapshot, though a farm may still be writing
            return _record(db, path)
    except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
        raise FarmError("the journal cannot be read", f"{path}: {error}", _REMEDY) from error


def _record(db: sqlite3.Connection, path: str) -> RunRecord:
    run = db.execute("SELECT info FROM run").fetchone()
    if run is None:
        raise FarmError("the run was ended before it began", path, "run it again")
    attempts: dict[str, list[Attempt]] = {}
    for job_id, text in db.execute("SELECT job_id, attempt FROM attempt ORDER BY seq"):
        attempts.setdefault(job_id, []).append(schema.decode_attempt(text))
    outcomes = {
        job_id: (Outcome(outcome), schema.decode_text(reason))
        for job_id, outcome, reason in db.execute("SELECT job_id, outcome, reason FROM outcome ORDER BY seq")
    }
    jobs = []
    for job_id, text in db.execute("SELECT id, job FROM job ORDER BY position"):
        outcome, reason = outcomes.get(job_id, (None, ""))
        jobs.append(JobRecord(schema.decode_job(text), tuple(attempts.get(job_id, ())), outcome, reason))
    notes = tuple(
        (kind, schema.decode_text(text)) for kind, text in db.execute("SELECT kind, text FROM note ORDER BY seq")
    )
    finish = db.execute("SELECT duration_s, status FROM finish").fetchone()
    duration_s, status = finish or (None, "")
    return RunRecord(schema.decode_info(run[0]), tuple(jobs), notes, duration_s, status)
