"""``results.json``: a run for other programs, schema 1, described in docs/reports.md.

One object: schema, status, duration_s, counts, run, notes, and jobs with every attempt. Within a schema, keys are added,
never renamed or removed.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict

from farm.model.job import Attempt
from farm.model.run import JobRecord, RunRecord
from farm.report import summary

SCHEMA = 1


def render(record: RunRecord) -> bytes:
    """The run as JSON in UTF-8; a lone surrogate, which UTF-8 cannot hold, becomes ``?``."""
    document = {
        "schema": SCHEMA,
        "status": summary.status_of(record),
        "duration_s": record.duration_s,
        "counts": {outcome.value: number for outcome, number in summary.counts(record.jobs).items()},
        "run": asdict(record.info),
        "notes": [{"kind": kind, "text": text} for kind, text in record.notes],
        "jobs": [_job(each) for each in record.jobs],
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"{text}\n".encode("utf-8", "replace")


def _job(record: JobRecord) -> dict[str, object]:
    fields = asdict(record.job)
    fields["axes"] = dict(record.job.axes)
    fields["env"] = dict(record.job.env)
    fields["outcome"] = record.outcome
    fields["reason"] = record.reason
    fields["attempts"] = [_attempt(each) for each in record.attempts]
    return fields


def _attempt(attempt: Attempt) -> dict[str, object]:
    """``exit_code`` and ``signal`` are what ``wait_status`` says; at most one of them is not null."""
    code = None if attempt.wait_status is None else os.waitstatus_to_exitcode(attempt.wait_status)
    fields = asdict(attempt)
    del fields["job_id"]
    fields["exit_code"] = code if code is not None and code >= 0 else None
    fields["signal"] = -code if code is not None and code < 0 else None
    return fields
