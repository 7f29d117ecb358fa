"""A journal gives back what was put in, also after its writer was killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from farm.errors import FarmError
from farm.journal import schema
from farm.journal.queries import read
from farm.journal.writer import JournalWriter
from farm.model.build import Bind, Network
from farm.model.distro import Facts
from farm.model.job import Attempt, Failure, Job, Prepare
from farm.model.limits import Limits, Usage
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunInfo, RunRecord, Sample, UsedImage

INFO = RunInfo(
    "id", "name", "m.yaml", 1.5, "0", "h", "6", "Debian", 2, 1 << 30, "v1", True, True, ("weak",), ("farm", "run")
)
ODD = "a\0b\udc80\u2028é"
JOB = Job("u/a[o=1]", "u", "a", (("o", "1"),), ("sh", "-c"), ODD, (("K", ODD),), limits=Limits(0.5, disk_bytes=9))
PREPARE = Prepare(
    ODD,
    ("sh", "-e"),
    (("o", "1"),),
    (("K", ODD),),
    Network.HOST,
    (Bind("/a", "/b"),),
    5.0,
    Limits(2.0),
    "u",
    "m.yaml:1:2",
)
OTHER = Job("u/b", "u", "b", (), ("sh",), "true", cap_add=("CAP_NET_RAW",), tags=("x",), prepare=PREPARE)
ATTEMPT = Attempt(
    "u/a[o=1]",
    1,
    Outcome.ERROR,
    2.5,
    0.1,
    0.2,
    256,
    Usage(0.1, oom_kills=1),
    Failure("mount", ODD, 13),
    ODD,
    "logs/x",
    3,
)


def test_what_is_written_is_read_back(tmp_path):
    path = str(tmp_path / "j.sqlite")
    with JournalWriter(path) as journal:
        journal.begin(INFO, [JOB, OTHER])
        journal.attempt(ATTEMPT)
        journal.outcome(JOB.id, Outcome.ERROR, ODD)
        journal.note("cleanup", ODD)
        journal.finish(3.25, "infra")
    records = (JobRecord(JOB, (ATTEMPT,), Outcome.ERROR, ODD), JobRecord(OTHER))
    assert read(path) == RunRecord(INFO, records, (("cleanup", ODD),), 3.25, "infra")


def test_a_killed_run_is_read_up_to_its_last_commit(tmp_path):
    path = str(tmp_path / "j.sqlite")
    child = os.fork()
    if child == 0:
        journal = JournalWriter(path)
        journal.begin(INFO, [JOB, OTHER])
        journal.attempt(ATTEMPT)
        journal.commit()
        journal.outcome(JOB.id, Outcome.ERROR, "lost")
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert read(path) == RunRecord(INFO, (JobRecord(JOB, (ATTEMPT,)), JobRecord(OTHER)))


def test_a_job_that_was_completed_is_read_as_it_became(tmp_path):
    path = str(tmp_path / "j.sqlite")
    with JournalWriter(path) as journal:
        journal.begin(INFO, [replace(JOB, late=True), OTHER])
        journal.completed(replace(JOB, script="first"))
        journal.completed(JOB)
    assert [each.job for each in read(path).jobs] == [JOB, OTHER]


def test_a_journal_is_gone_on_with_after_its_writer_was_killed(tmp_path):
    path = str(tmp_path / "j.sqlite")
    child = os.fork()
    if child == 0:
        journal = JournalWriter(path)
        journal.begin(INFO, [JOB, OTHER])
        journal.attempt(ATTEMPT)
        journal.commit()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    again = replace(ATTEMPT, number=2, outcome=Outcome.PASSED)
    with JournalWriter(path, resume=True) as journal:
        journal.attempt(again)
        journal.outcome(JOB.id, Outcome.FLAKY, "")
        journal.outcome(OTHER.id, Outcome.PASSED, "")
        journal.finish(1.0, "good")
    records = (JobRecord(JOB, (ATTEMPT, again), Outcome.FLAKY), JobRecord(OTHER, (), Outcome.PASSED))
    assert read(path) == RunRecord(INFO, records, (), 1.0, "good")


def test_a_damaged_journal_is_not_gone_on_with(tmp_path):
    path = tmp_path / "j.sqlite"
    with JournalWriter(str(path)) as journal:
        journal.begin(INFO, [JOB, OTHER])
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(FarmError, match="cannot be written"):
        JournalWriter(str(path), resume=True)


def test_a_second_journal_at_one_path_is_refused(tmp_path):
    path = str(tmp_path / "j.sqlite")
    with JournalWriter(path):
        pass
    with pytest.raises(FarmError, match="cannot be written") as caught:
        JournalWriter(path)
    assert caught.value.remedy


@pytest.mark.parametrize("content", [b"not a database, but longer than a header of one" * 9, b""])
def test_what_is_no_journal_is_refused(tmp_path, content):
    path = tmp_path / "j.sqlite"
    path.write_bytes(content)
    with pytest.raises(FarmError):
        read(str(path))


def test_a_missing_journal_is_not_created(tmp_path):
    with pytest.raises(FarmError, match="no journal"):
        read(str(tmp_path / "none"))
    assert not list(tmp_path.iterdir())


def test_a_reader_does_not_keep_a_run_from_its_end(tmp_path):
    path = tmp_path / "j.sqlite"
    journal = JournalWriter(str(path))
    journal.begin(INFO, [JOB])
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM run").fetchall()
        with journal:
            journal.finish(1.0, "good")
    assert read(str(path)).status == "good"


def test_an_ended_journal_is_one_file(tmp_path):
    with JournalWriter(str(tmp_path / "j.sqlite")) as journal:
        journal.begin(INFO, [JOB])
        journal.finish(1.0, "good")
    assert os.listdir(tmp_path) == ["j.sqlite"]
    assert read(str(tmp_path / "j.sqlite")).status == "good"
    assert os.listdir(tmp_path) == ["j.sqlite"]


IMAGE = UsedImage("0" * 64, "a", ODD, Facts("alpine", "3.20", libc="musl"), "a[o=1]")
SAMPLE = Sample(1.5, 0.25, 1 << 30, 2, 3)


def test_images_are_kept_once_for_each_distro_and_samples_in_order(tmp_path):
    path = str(tmp_path / "j.sqlite")
    twin = replace(IMAGE, distro=ODD)
    with JournalWriter(path) as journal:
        journal.begin(INFO, [JOB])
        for each in (IMAGE, twin, replace(IMAGE, source="told again"), twin):
            journal.image(each)
        journal.sample(SAMPLE)
        journal.sample(replace(SAMPLE, at_s=2.5))
    with JournalWriter(path, resume=True) as journal:
        journal.image(IMAGE)
        journal.sample(replace(SAMPLE, at_s=3.5))
    found = read(path)
    assert found.images == (IMAGE, twin)
    assert [each.at_s for each in found.samples] == [1.5, 2.5, 3.5]
    assert found.samples[0] == SAMPLE


# What farm of version 2 made, and the attempt as it wrote it.
_VERSION_2 = """
CREATE TABLE run (info TEXT NOT NULL);
CREATE TABLE job (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL);
CREATE TABLE completed (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, job TEXT NOT NULL);
CREATE TABLE attempt (seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL, number INTEGER NOT NULL, attempt TEXT NOT NULL);
CREATE TABLE outcome (seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE note (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE finish (duration_s REAL NOT NULL, status TEXT NOT NULL);
PRAGMA user_version=2;
"""


@pytest.fixture
def version_2(tmp_path):
    path = str(tmp_path / "j.sqlite")
    old = json.loads(schema.encode(ATTEMPT))
    for name in ("image", "began_s", "waited_s"):
        del old[name]
    with closing(sqlite3.connect(path)) as db:
        db.executescript(_VERSION_2)
        db.execute("INSERT INTO run VALUES (?)", (schema.encode(INFO),))
        for job in (JOB, OTHER):
            db.execute("INSERT INTO job (id, job) VALUES (?, ?)", (schema.encode_text(job.id), schema.encode(job)))
        row = (schema.encode_text(JOB.id), 1, json.dumps(old))
        db.execute("INSERT INTO attempt (job_id, number, attempt) VALUES (?, ?, ?)", row)
        db.commit()
    return path


def test_a_journal_of_version_2_is_read(version_2):
    assert read(version_2) == RunRecord(INFO, (JobRecord(JOB, (ATTEMPT,)), JobRecord(OTHER)))


def test_a_journal_of_version_2_is_gone_on_with(version_2):
    with JournalWriter(version_2, resume=True) as journal:
        journal.image(IMAGE)
        journal.sample(SAMPLE)
    with JournalWriter(version_2, resume=True) as journal:
        journal.outcome(JOB.id, Outcome.ERROR, "")
    found = read(version_2)
    assert found.jobs[0] == JobRecord(JOB, (ATTEMPT,), Outcome.ERROR)
    assert (found.images, found.samples) == ((IMAGE,), (SAMPLE,))


def test_a_journal_of_another_version_is_neither_read_nor_gone_on_with(version_2):
    with closing(sqlite3.connect(version_2)) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(FarmError, match="another version"):
        read(version_2)
    with pytest.raises(FarmError, match="cannot be written"):
        JournalWriter(version_2, resume=True)
