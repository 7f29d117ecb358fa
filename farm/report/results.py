"""``results.json``: a run for other programs, schema 1, described in docs/reports.md.

One object: schema, status, duration_s, counts, run, isolation, notes, images, samples, findings, baseline, and jobs with every
attempt. Within a schema, keys are added, never renamed or removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence

from farm.model import plain
from farm.model.job import Attempt, Prepare
from farm.model.memory import NO_MEMORY, Memory
from farm.model.run import JobRecord, RunRecord
from farm.report import summary, words
from farm.report.findings import Group
from farm.schedule.repeat import first_id

SCHEMA = 1


def render(record: RunRecord, memory: Memory = NO_MEMORY, groups: Sequence[Group] = ()) -> Iterator[bytes]:
    """The run as JSON in UTF-8, a line for each job; a lone surrogate, which UTF-8 cannot hold, becomes ``?``.

    ``groups`` are what its failures have in common.
    """
    document = {
        "schema": SCHEMA,
        "status": summary.status_of(record),
        "duration_s": record.duration_s,
        "counts": {outcome.value: number for outcome, number in summary.counts(record.jobs).items()},
        "run": record.info,
        "isolation": {
            "warnings": words.weaknesses(record.info),
            "opted_out": [
                {"what": asked, "jobs": [each.job.id for each in jobs]} for asked, jobs in summary.weakened(record.jobs)
            ],
        },
        "notes": [{"kind": kind, "text": text} for kind, text in record.notes],
        "images": record.images,
        "samples": record.samples,
        "findings": [_group(record, each) for each in groups],
        "baseline": _baseline(record, memory),
    }
    yield _encoded(document)[:-1] + b',"jobs":['
    for number, each in enumerate(record.jobs):
        yield (b",\n" if number else b"\n") + _encoded(_job(each))
    yield b"\n]}\n"


def _baseline(record: RunRecord, memory: Memory) -> dict[str, object] | None:
    """The run that was compared with, and what changed; ``since`` of jobs that are bad, whatever they were then."""
    if not memory.baseline:
        return None
    known = {each.job.id: memory.jobs[name] for each in record.jobs if (name := first_id(each.job.id)) in memory.jobs}
    return {
        "run": memory.baseline,
        "changes": {job_id: each.change for job_id, each in known.items() if each.change},
        "since": {job_id: each.since for job_id, each in known.items() if each.since},
    }


def _encoded(value: object) -> bytes:
    return json.dumps(value, default=plain.fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "replace"
    )


def _group(record: RunRecord, group: Group) -> dict[str, object]:
    return plain.fields(group) | {
        "outcome": record.jobs[group.jobs[0]].outcome,
        "jobs": [record.jobs[number].job.id for number in group.jobs],
    }


def _job(record: JobRecord) -> dict[str, object]:
    fields = plain.fields(record.job)
    # The script is the shell's last argument: said once, a run of 10,000 jobs is half the size.
    argv = fields.pop("argv")
    fields["shell"] = argv[:-1] if record.job.script and argv[-1:] == (record.job.script,) else argv
    fields["axes"] = dict(record.job.axes)
    fields["env"] = dict(record.job.env)
    fields["prepare"] = _prepare(record.job.prepare) if record.job.prepare else None
    fields["outcome"] = record.outcome
    fields["reason"] = record.reason
    fields["attempts"] = [_attempt(each) for each in record.attempts]
    return fields


def _prepare(prepare: Prepare) -> dict[str, object]:
    return plain.fields(prepare) | {"axes": dict(prepare.axes), "env": dict(prepare.env)}


def _attempt(attempt: Attempt) -> dict[str, object]:
    """``exit_code`` and ``signal`` are what ``wait_status`` says; at most one of them is not null."""
    code = None if attempt.wait_status is None else os.waitstatus_to_exitcode(attempt.wait_status)
    fields = plain.fields(attempt)
    del fields["job_id"]
    fields["exit_code"] = code if code is not None and code >= 0 else None
    if attempt.failure is not None:
        named = {"errno_name": words.errno_name(attempt.failure.errno)}
        fields["failure"] = plain.fields(attempt.failure) | named
    fields["signal"] = -code if code is not None and code < 0 else None
    return fields
