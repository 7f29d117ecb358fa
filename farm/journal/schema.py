"""The journal's tables, and how the model's values are spelt in them.

journal.sqlite        PRAGMA user_version = 3, write-ahead log
  run                 one row: info as JSON
  job                 position, id, the job as JSON
  completed           jobs that were templates in part until their images were there: id, the job as JSON; the last counts
  attempt             in order of ending: job_id, number, the attempt as JSON
  outcome             job_id, outcome, reason; the last row of a job counts
  note                kind, text
  image               the images of distros, as they came to be there: digest, distro, all of it as JSON; each once
  sample              the host now and then, as JSON; see ``farm.journal.samples``
  finish              duration_s, status; no row where the run was killed; the last counts

Version 2 is the same without ``image`` and ``sample``: it is read, and one that is gone on with gets them.
"""

from __future__ import annotations

import json

from farm.model import plain
from farm.model.job import Attempt, Job
from farm.model.run import RunInfo, Sample, UsedImage

_ENCODE = json.JSONEncoder(default=plain.fields, separators=(",", ":")).encode

VERSION = 3
READABLE = frozenset({2, VERSION})

NEW_IN_3 = """
CREATE TABLE image (
    seq INTEGER PRIMARY KEY, digest TEXT NOT NULL, distro TEXT NOT NULL, image TEXT NOT NULL, UNIQUE (digest, distro)
);
CREATE TABLE sample (seq INTEGER PRIMARY KEY, sample TEXT NOT NULL);
"""
TABLES = f"""
CREATE TABLE run (info TEXT NOT NULL);
CREATE TABLE job (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL);
CREATE TABLE completed (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, job TEXT NOT NULL);
CREATE TABLE attempt (seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL, number INTEGER NOT NULL, attempt TEXT NOT NULL);
CREATE TABLE outcome (seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE note (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE finish (duration_s REAL NOT NULL, status TEXT NOT NULL);
{NEW_IN_3}"""


def encode(value: RunInfo | Job | Attempt | UsedImage | Sample) -> str:
    """One of the model's values as JSON in ASCII, which keeps lone surrogates and NUL that SQLite's text would not."""
    return _ENCODE(value)


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


def decode_image(text: str) -> UsedImage:
    return plain.value(UsedImage, json.loads(text))


def decode_sample(text: str) -> Sample:
    return plain.value(Sample, json.loads(text))
