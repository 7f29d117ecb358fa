"""Connections to SQLite files that are only read, and that may lie on media that nobody can write to."""

from __future__ import annotations

import sqlite3
from urllib.parse import quote


def open_to_read(path: str, *pragmas: str) -> sqlite3.Connection:
    """A connection that has read the first page of the file at ``path``. Raises ``sqlite3.Error``."""
    try:
        return _opened(path, *pragmas)
    except sqlite3.OperationalError as error:
        # Reading a write-ahead log takes a folder that can be written to; on read-only media nobody else writes either.
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        return _opened(f"file:{quote(path)}?immutable=1", *pragmas, uri=True)


def _opened(name: str, *pragmas: str, uri: bool = False) -> sqlite3.Connection:
    # isolation_level None: transactions begin and end where they say so.
    db = sqlite3.connect(name, uri=uri, timeout=30.0, isolation_level=None)
    try:
        for pragma in (*pragmas, "PRAGMA user_version"):
            db.execute(pragma).fetchone()
    except BaseException:
        db.close()
        raise
    return db
