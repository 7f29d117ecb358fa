"""The file of the history, opened: brought up to date where it is older, left alone where it is newer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from farm.errors import FarmError
from farm.journal import history_schema
from farm.journal.opening import open_to_read

FILE = "history.sqlite"
_WAIT_S = 30.0


@contextmanager
def to_write(path: str) -> Iterator[sqlite3.Connection]:
    """The file at ``path`` at this version, made where there is none. Raises ``FarmError``."""
    with explained(path, "cannot be written"), closing(_opened(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        history_schema.migrate(db)
        yield db


@contextmanager
def as_it_is(path: str) -> Iterator[tuple[sqlite3.Connection, int]]:
    """The file at ``path``, which is there, to be read, and its version, which is not changed. Raises ``FarmError``."""
    with explained(path, "cannot be read"), closing(open_to_read(path)) as db:
        yield db, history_schema.version(db)


@contextmanager
def to_read(path: str) -> Iterator[sqlite3.Connection]:
    """The file at ``path``, which is there, at this version: where it cannot be changed, in memory. Raises ``FarmError``."""
    with as_it_is(path) as (db, version):
        if version == history_schema.VERSION or _migrated(db):
            yield db
            return
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            db.backup(copy)
            history_schema.migrate(copy)
            yield copy


def _migrated(db: sqlite3.Connection) -> bool:
    """Whether it is up to date now; False where nobody can write to it."""
    try:
        history_schema.migrate(db)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        return False
    return True


@contextmanager
def explained(path: str, what: str) -> Iterator[None]:
    """SQLite's errors as ``FarmError``."""
    try:
        yield
    except history_schema.NewerError as error:
        remedy = "do not delete it: use the farm that wrote it, or another folder with --reports"
        raise FarmError(f"the history of runs {what}: a newer farm wrote it", f"{path}: {error}", remedy) from error
    except sqlite3.Error as error:
        raise FarmError(f"the history of runs {what}", f"{path}: {error}", "move it away: a new one is made") from error


def _opened(path: str) -> sqlite3.Connection:
    # isolation_level None: transactions begin and end where they say so.
    return sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
