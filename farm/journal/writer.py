"""The journal of a running run: appended to, never changed, committed in groups by its caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from farm.errors import FarmError
from farm.journal import schema
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.run import RunInfo, Sample, UsedImage


class JournalWriter:
    """Creates the journal at ``path``, which must not hold one yet. A context manager that commits when it closes.

    With ``resume`` it goes on with the one that is there, whose writer is dead; an older one becomes one of this version.

    What was appended before the last ``commit`` survives a killed farm. Every method raises ``FarmError`` where SQLite
    fails. ``synchronous=NORMAL``: a power failure may lose the last groups but never the file's integrity.
    """

    def __init__(self, path: str, *, resume: bool = False) -> None:
        self._path = path
        with _explained(path):
            self._db = sqlite3.connect(path)
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                if resume:
                    _check(self._db)
                    _migrate(self._db)
                else:
                    self._db.executescript(f"BEGIN;{schema.TABLES}PRAGMA user_version={schema.VERSION};COMMIT;")
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.commit()
            self._gather()
        finally:
            self._db.close()

    def begin(self, info: RunInfo, jobs: Sequence[Job]) -> None:
        """The run and all its jobs, in the order of the matrix; committed at once."""
        with _explained(self._path):
            self._db.execute("INSERT INTO run VALUES (?)", (schema.encode(info),))
            rows = ((schema.encode_text(job.id), schema.encode(job)) for job in jobs)
            self._db.executemany("INSERT INTO job (id, job) VALUES (?, ?)", rows)
            self._db.commit()

    def completed(self, job: Job) -> None:
        """What became of a job that was a template in part."""
        row = (schema.encode_text(job.id), schema.encode(job))
        self._append("INSERT INTO completed (id, job) VALUES (?, ?)", row)

    def attempt(self, attempt: Attempt) -> None:
        """An attempt that ended."""
        row = (schema.encode_text(attempt.job_id), attempt.number, schema.encode(attempt))
        self._append("INSERT INTO attempt (job_id, number, attempt) VALUES (?, ?, ?)", row)

    def outcome(self, job_id: str, outcome: Outcome, reason: str) -> None:
        """How a job ended after its last attempt."""
        row = (schema.encode_text(job_id), outcome.value, schema.encode_text(reason))
        self._append("INSERT INTO outcome (job_id, outcome, reason) VALUES (?, ?, ?)", row)

    def note(self, kind: str, text: str) -> None:
        """Something a report should say of the run, such as a clean-up that failed."""
        self._append("INSERT INTO note (kind, text) VALUES (?, ?)", (kind, schema.encode_text(text)))

    def image(self, image: UsedImage) -> None:
        """An image that attempts will be made on; one that is known already is not told again."""
        row = (image.digest, schema.encode_text(image.distro), schema.encode(image))
        self._append("INSERT OR IGNORE INTO image (digest, distro, image) VALUES (?, ?, ?)", row)

    def sample(self, sample: Sample) -> None:
        """The host just now."""
        self._append("INSERT INTO sample (sample) VALUES (?)", (schema.encode(sample),))

    def finish(self, duration_s: float, status: str) -> None:
        """The run ended by itself; commits."""
        self._append("INSERT INTO finish VALUES (?, ?)", (duration_s, status))
        self.commit()

    def commit(self) -> None:
        """Make everything appended so far survive this process."""
        with _explained(self._path):
            self._db.commit()

    def _gather(self) -> None:
        """Log and file become one file, which can be copied and read anywhere."""
        try:
            self._db.execute("PRAGMA busy_timeout=0")
            self._db.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            pass  # somebody reads it right now: it stays as it is, and everything is in it

    def _append(self, statement: str, row: tuple[object, ...]) -> None:
        with _explained(self._path):
            self._db.execute(statement, row)


def _check(db: sqlite3.Connection) -> None:
    """Nothing is appended to a file that is damaged: what comes after the damage would not be read."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version not in schema.READABLE:
        raise sqlite3.DatabaseError(f"version {version}, this farm writes {schema.VERSION}")
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))


def _migrate(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA user_version").fetchone()[0] < schema.VERSION:
        db.executescript(f"BEGIN;{schema.NEW_IN_3}PRAGMA user_version={schema.VERSION};COMMIT;")


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        remedy = "see that its folder exists, is writable, holds no older journal and has free space"
        raise FarmError("the run's journal cannot be written", f"{path}: {error}", remedy) from error
