"""Reading a journal back: of a run that ended, still runs, was killed, or whose file lost its end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeVar

from farm.errors import FarmError
from farm.journal import schema
from farm.journal.opening import open_to_read
from farm.journal.samples import thinned
from farm.model.job import Attempt
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunInfo, RunRecord, Sample, UsedImage
from farm.values import dataclass

_REMEDY = "name the folder of a run of this version of farm"
_DAMAGE = (sqlite3.Error, ValueError, TypeError, KeyError)

T = TypeVar("T")


def read(path: str) -> RunRecord:
    """The run that the journal at ``path`` tells of, up to its last commit.

    Of a damaged file, the rows before the damage: it is append-only, so they are what happened first. Such a run has no
    status and a note that says so. Raises ``FarmError`` where there is no journal, nothing can be read of it or another
    version of farm wrote it.
    """
    if not os.path.isfile(path):
        raise FarmError("there is no journal of a run", path, _REMEDY)
    try:
        return _read(path, open_to_read(path))
    except _DAMAGE:
        pass
    try:
        # Pages that the header promises and the file lacks are an error only where they are read.
        return _read(path, open_to_read(path, "PRAGMA writable_schema=ON"), salvage=True)
    except _DAMAGE as error:
        raise FarmError("the journal cannot be read", f"{path}: {error}", _REMEDY) from error


@dataclass(frozen=True, slots=True)
class End:
    """How far a job is: the number of its last attempt that has ended, 0 for none; ``over`` says that it has an outcome."""

    attempts: int
    over: bool


def ended(path: str, job_id: str) -> End:
    """How far ``job_id`` is in the journal at ``path``, whose run may still go on. Raises ``FarmError``."""
    name = schema.encode_text(job_id)
    try:
        with closing(open_to_read(path)) as db:
            (last,) = db.execute("SELECT max(number) FROM attempt WHERE job_id = ?", (name,)).fetchone()
            over = db.execute("SELECT 1 FROM outcome WHERE job_id = ? LIMIT 1", (name,)).fetchone()
    except sqlite3.Error as error:
        raise FarmError("the journal cannot be read", f"{path}: {error}", _REMEDY) from error
    return End(last or 0, over is not None)


def _read(path: str, connection: sqlite3.Connection, *, salvage: bool = False) -> RunRecord:
    with closing(connection) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in schema.READABLE:
            detail = f"{path}: version {version}, this farm reads {schema.VERSION}" if version else path
            raise FarmError("the journal is of another version" if version else "the journal is empty", detail, _REMEDY)
        db.execute("BEGIN")  # one snapshot, though a farm may still be writing
        run = db.execute("SELECT info FROM run").fetchone()
        if run is None:
            raise FarmError("the run was ended before it began", path, "run it again")
        return _record(schema.decode_info(run[0]), _Rows(db, salvage=salvage), version)


def _record(info: RunInfo, rows: _Rows, version: int) -> RunRecord:
    jobs = list(rows.each("SELECT job FROM job ORDER BY position", schema.decode_job))
    completed = {job.id: job for job in rows.each("SELECT job FROM completed ORDER BY seq", schema.decode_job)}
    attempts: dict[str, list[Attempt]] = {}
    for attempt in rows.each("SELECT attempt FROM attempt ORDER BY seq", schema.decode_attempt):
        attempts.setdefault(attempt.job_id, []).append(attempt)
    outcomes = dict(rows.each("SELECT job_id, outcome, reason FROM outcome ORDER BY seq", _outcome))
    notes = list(rows.each("SELECT kind, text FROM note ORDER BY seq", _note))
    images: tuple[UsedImage, ...] = ()
    samples: tuple[Sample, ...] = ()
    if version > 2:
        images = tuple(rows.each("SELECT image FROM image ORDER BY seq", schema.decode_image))
        samples = thinned(tuple(rows.each("SELECT sample FROM sample ORDER BY seq", schema.decode_sample)))
    finish = list(rows.each("SELECT duration_s, status FROM finish", _finish))
    records = []
    for planned in jobs:
        job = completed.get(planned.id, planned)
        outcome, reason = outcomes.get(job.id, (None, ""))
        records.append(JobRecord(job, tuple(attempts.get(job.id, ())), outcome, reason))
    duration_s, status = finish[-1] if finish else (None, "")
    if rows.damage:
        notes.append(("journal", f"damaged, the report has what comes before: {rows.damage}"))
        duration_s, status = None, ""
    return RunRecord(info, tuple(records), tuple(notes), duration_s, status, images, samples)


class _Rows:
    """The rows of tables in order; with ``salvage``, up to the first that cannot be read. ``damage`` says what was met."""

    def __init__(self, db: sqlite3.Connection, *, salvage: bool) -> None:
        self._db = db
        self._salvage = salvage
        self.damage = ""

    def each(self, statement: str, decode: Callable[..., T]) -> Iterator[T]:
        try:
            for row in self._db.execute(statement):
                yield decode(*row)
        except _DAMAGE as error:
            if not self._salvage:
                raise
            self.damage = self.damage or str(error)


def _outcome(job_id: str, outcome: str, reason: str) -> tuple[str, tuple[Outcome, str]]:
    return schema.decode_text(job_id), (Outcome(outcome), schema.decode_text(reason))


def _note(kind: str, text: str) -> tuple[str, str]:
    return kind, schema.decode_text(text)


def _finish(duration_s: float, status: str) -> tuple[float, str]:
    return float(duration_s), str(status)
