"""The journal's tables, and how the model's values are spelt in them.

journal.sqlite        PRAGMA user_version = 1, write-ahead log
  run                 one row: info as JSON
  job                 position, id, the job as JSON
  attempt             in order of ending: job_id, number, the attempt as JSON
  outcome             job_id, outcome, reason; the last row of a job counts
  note                kind, text
  finish              duration_s, status; no row where the run was killed
"""

from __future__ import annotations

import json
from typing import Any

from farm.model import plain
from farm.model.build import Bind, Network
from farm.model.job import Attempt, Failure, Job, Prepare
from farm.model.limits import Limits, Usage
from farm.model.outcome import Outcome
from farm.model.run import RunInfo

VERSION = 1

TABLES = """
CREATE TABLE run (info TEXT NOT NULL);
CREATE TABLE job (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL);
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
    return RunInfo(**_frozen(json.loads(text)))


def decode_job(text: str) -> Job:
    fields = json.loads(text)
    limits = Limits(**fields.pop("limits"))
    prepare = fields.pop("prepare", None)
    return Job(**_frozen(fields), limits=limits, prepare=_prepare(prepare) if prepare else None)


def decode_attempt(text: str) -> Attempt:
    fields = json.loads(text)
    usage = Usage(**fields.pop("usage"))
    failure = fields.pop("failure")
    outcome = Outcome(fields.pop("outcome"))
    return Attempt(**fields, usage=usage, outcome=outcome, failure=Failure(**failure) if failure else None)


def _prepare(fields: dict[str, Any]) -> Prepare:
    network, limits = Network(fields.pop("network")), Limits(**fields.pop("limits"))
    binds = tuple(Bind(**each) for each in fields.pop("binds"))
    return Prepare(**_frozen(fields), network=network, limits=limits, binds=binds)


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in fields.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
