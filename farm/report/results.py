"""``results.json``: a run for other programs, schema 1."""

from __future__ import annotations

import dataclasses
import json

from farm.model.run import RunRecord
from farm.report import summary

SCHEMA = 1


def render(record: RunRecord) -> str:
    """The run as JSON in ASCII: schema, status, counts, run, notes, and jobs with every attempt."""
    document = {
        "schema": SCHEMA,
        "status": record.status,
        "duration_s": record.duration_s,
        "counts": {outcome.value: number for outcome, number in summary.counts(record.jobs).items()},
        "run": dataclasses.asdict(record.info),
        "notes": [{"kind": kind, "text": text} for kind, text in record.notes],
        "jobs": [dataclasses.asdict(job) for job in record.jobs],
    }
    return json.dumps(document, separators=(",", ":")) + "\n"
