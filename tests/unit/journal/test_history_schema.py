"""Files of version 1, made by the statements that the farm of then had, become files of this version and lose nothing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from farm.errors import FarmError
from farm.journal import history, history_schema
from farm.journal.history import Past, Result
from farm.journal.history_reader import reading

ROOT = Path(__file__).resolve().parents[3]

VERSION_1 = """
CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, started_at REAL NOT NULL);
CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, expected_s REAL, bad INTEGER);
CREATE TABLE result (
    run INTEGER NOT NULL REFERENCES run, job INTEGER NOT NULL REFERENCES job,
    outcome TEXT NOT NULL, duration_s REAL NOT NULL
);
CREATE INDEX result_run ON result (run);
CREATE INDEX result_job ON result (job, run);
INSERT INTO run VALUES (1, 'late', 1700000009.5), (2, 'early', 1700000001.25), (3, 'twin', 1700000009.75);
INSERT INTO job VALUES (1, 'unit/host', 2.5, 1), (2, 'unit/é', NULL, NULL);
INSERT INTO result VALUES (1, 1, 'failed', 2.0004), (1, 1, 'passed', 3.0), (1, 2, 'cancelled', 0.0),
    (2, 1, 'passed', 1.5), (3, 1, 'flaky', 4.0);
PRAGMA user_version = 1;
"""
"""Its runs are not in the order of time, two began in one second, and one has a repetition."""
PAST = Past({"unit/host": 2.5}, frozenset({"unit/host"}))


@pytest.fixture
def old(tmp_path: Path) -> str:
    path = str(tmp_path / history.FILE)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(VERSION_1)
    return path


def version(path: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def content(path: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(
            "SELECT run.name, started_at, job.name, outcome FROM result JOIN run ON run = run.id JOIN job ON job = job.id"
        ).fetchall()


def check_migrated(path: str) -> None:
    with reading(path) as found:
        assert found is not None
        assert [(each.id, each.started_at, each.status) for each in found.runs] == [
            ("early", 1700000001.25, ""),
            ("late", 1700000009.5, "interrupted"),
            ("twin", 1700000009.75, ""),
        ]
        assert [each.number for each in found.runs] == [1700000001, 1700000009, 1700000010]
        assert not any(each.matrix or each.shard or each.whole for each in found.runs)
        late = found.results(found.runs[1])
    ends = [(each.outcome.value, each.duration_s, each.attempts) for each in late["unit/host"]]
    assert ends == [("failed", 2.0, None), ("passed", 3.0, None)]
    assert late["unit/é"][0].outcome == "cancelled"


def test_a_step_for_each_version() -> None:
    assert history_schema.VERSION == len(history_schema.STEPS) == 2


def test_nothing_is_lost(old: str) -> None:
    before = sorted(map(str, content(old)))
    check_migrated(old)
    assert version(old) == 2
    assert sorted(map(str, content(old))) == before
    assert history.read(old) == PAST


def test_a_run_that_begins_does_not_wait_for_it(old: str) -> None:
    assert history.read(old) == PAST
    assert version(old) == 1


def test_the_next_run_does_it(old: str) -> None:
    history.record(old, "new", 1700000100.0, [Result("unit/host", "passed", 5.0, False)])
    assert version(old) == 2
    assert len(content(old)) == 6
    assert history.read(old) == Past({"unit/host": 3.5}, frozenset())


@pytest.mark.root
def test_on_a_read_only_medium_it_is_read_all_the_same(old: str) -> None:
    before = content(old)  # its end leaves no write-ahead log
    script = (
        'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/x" 2>/dev/null && "$2" -c "$3" "$4"'
    )
    arguments = [os.path.dirname(old), sys.executable, READ, old]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("early late twin\n", "")
    assert version(old) == 1
    assert content(old) == before


READ = """
import sys
from farm.journal.history_reader import reading
with reading(sys.argv[1]) as found:
    print(*(each.id for each in found.runs))
"""

KILLED = """
import os, sqlite3, sys
from farm.journal import history_schema
db = sqlite3.connect(sys.argv[1], isolation_level=None)
left = int(sys.argv[2])
def tick():
    global left
    left -= 1
    if not left:
        os._exit(9)
db.set_progress_handler(tick, 1)
history_schema.migrate(db)
"""


@pytest.mark.parametrize("steps", [10, 100, 400, 900])
def test_whoever_is_killed_in_it_leaves_the_version_before(old: str, steps: int) -> None:
    before = content(old)
    done = subprocess.run([sys.executable, "-c", KILLED, old, str(steps)], cwd=ROOT, check=False)
    assert done.returncode == 9
    assert version(old) == 1
    assert content(old) == before
    assert history.read(old) == PAST
    check_migrated(old)


def test_a_step_that_fails_leaves_the_version_before(old: str) -> None:
    with closing(sqlite3.connect(old)) as db:
        db.execute("CREATE TABLE run_1 (x)")
    before = content(old)
    with pytest.raises(FarmError, match="cannot be written"):
        history.record(old, "new", 1.0, [])
    assert version(old) == 1
    assert content(old) == before


MIGRATE = """
import sqlite3, sys
from farm.journal import history_schema
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
print("ready", flush=True)
sys.stdin.read()
history_schema.migrate(db)
"""


def test_several_at_once_do_it_once(old: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", MIGRATE, old]
    farms = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for each in farms:
        assert each.stdout.readline() == "ready\n"
    for each in farms:
        each.stdin.close()
    for each in farms:
        assert each.wait(30) == 0
        each.stdout.close()
    check_migrated(old)


def test_a_newer_version_is_left_alone_and_nobody_is_told_to_delete_it(old: str) -> None:
    with closing(sqlite3.connect(old)) as db:
        db.execute("PRAGMA user_version=3")
    for use in (history.read, lambda path: history.record(path, "r", 1.0, []), lambda path: reading(path).__enter__()):
        with pytest.raises(FarmError, match="a newer farm wrote it") as caught:
            use(old)
        assert "version 3, this farm knows 2" in caught.value.detail
        assert "do not delete it" in caught.value.remedy
    assert version(old) == 3
    assert len(content(old)) == 5
