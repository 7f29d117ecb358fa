"""The journal's tables, and how the model's values are spelt in them.

journal.sqlite        PRAGMA user_version = 2, write-ahead log
  run                 one row: info as JSON
  job                 position, id, the job as JSON
  completed           jobs that were templates in part until their images were there: id, the job as JSON; the last counts
  attempt             in order of ending: job_id, number, the attempt as JSON
  outcome             job_id, outcome, reason; the last row of a job counts
  note                kind, text
  finish              duration_s, status; no row where the run was killed; the last counts
"""

from __future__ import annotations

import json

from farm.model import plain
from farm.model.job import Attempt, Job
from farm.model.run import RunInfo

VERSION = 2

TABLES = """
CREATE TABLE run (info TEXT NOT NULL);
CREATE TABLE job (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL);
CREATE TABLE completed (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, job TEXT NOT NULL);
CREATE TABLE attempt (seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL, number INTEGER NOT NULL, attempt TEXT NOT NULL);
CREATE TABLE outcome (seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE note (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE finish (duration_s REAL NOT NULL, status TEXT NOT NULL);
"""


def encode(value: RunInfo | Job | Attempt) -> str:
    """One of the model's values as JSON in ASCII, which keeps lone surrogates and NUL that SQLite's text would not."""
    return json.dumps(value, default=plain.fields, separators=(",", ":"))


def encode_text(text: str) -> str:
    """Text as a JSON string, for the same reason."""
    return json.dumps(text)


def decode_text(text: str) -> str:
    return str(json.loads(text))


def decode_info(text: str) -> RunInfo:
    return plain.value(RunInfo, json.loads(text))


def decode_job(text: str) -> Job:
    return plain.value(Job, json.loads(text))


def decode_attempt(text: str) -> Attempt:
    return plain.value(Attempt, json.loads(text))
