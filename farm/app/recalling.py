"""What the history has for the report of a run, and what it is given by it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from farm.app.sides import side, took_s
from farm.errors import FarmError
from farm.journal import history
from farm.journal.flakiness import together
from farm.journal.history import Kind, Result
from farm.journal.history_reader import HistoryReader, baseline, reading
from farm.journal.memory import Now, memory, place
from farm.model.memory import Memory
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report.summary import status_of
from farm.schedule.repeat import first_id


def recalled(run_dir: str, record: RunRecord, note: Callable[[str], None]) -> Memory:
    """What earlier runs say about the jobs of this one; nothing where the history cannot be read, which is said elsewhere."""
    reports = os.path.dirname(os.path.abspath(run_dir))
    asked = record.info.asked.baseline
    before: dict[str, Outcome] = {}
    base = ""
    try:
        if asked is not None:
            given = side(reports, asked)
            base, before = given.id, {job: each.outcome for job, each in given.jobs.items()}
    except FarmError as error:
        note(f"nothing to compare with: {error.brief}")
    try:
        with reading(os.path.join(reports, history.FILE)) as found:
            if found is None:
                return Memory()
            now = _now(record)
            if asked is None:
                base, before = _baseline(found, now, record)
            return memory(found, now, base, before)
    except FarmError:
        return Memory()


def remember(run_dir: str, record: RunRecord, note: Callable[[str], None], replaces: Sequence[str] = ()) -> None:
    """Add the run to the history beside it, in place of those that it ``replaces``; one that cannot be written costs no run."""
    results = [_result(each, each.outcome) for each in record.jobs if each.outcome is not None]
    path = os.path.join(os.path.dirname(os.path.abspath(run_dir)), history.FILE)
    try:
        history.record(path, record.info.id, record.info.started_at, results, _kind(record), replaces)
    except FarmError as error:
        note(f"{error.brief}: {error.detail}; {error.remedy}")


def _now(record: RunRecord) -> Now:
    outcomes: dict[str, list[Outcome]] = {}
    for each in record.jobs:
        if each.outcome is not None:
            outcomes.setdefault(first_id(each.job.id), []).append(each.outcome)
    return Now(record.info.id, record.info.started_at, history.spelt(record.info.name), outcomes)


def _baseline(found: HistoryReader, now: Now, record: RunRecord) -> tuple[str, dict[str, Outcome]]:
    base = baseline(found.runs, place(found.runs, now), now.matrix, _shard(record))
    if base is None:
        return "", {}
    ends = found.results(base).items()
    return base.id, {job: together([each.outcome for each in several]) for job, several in ends}


def _kind(record: RunRecord) -> Kind:
    asked = record.info.asked
    narrowed = (asked.keyword, asked.distros, asked.tags, asked.jobs, asked.last_failed, asked.shard)
    given_up = bool(asked.max_fail) and any(each.outcome is Outcome.CANCELLED for each in record.jobs)
    return Kind(record.info.name, status_of(record).value, _shard(record), not any(narrowed) and not given_up)


def _shard(record: RunRecord) -> str:
    shard = record.info.asked.shard
    return f"{shard.index + 1}/{shard.total}" if shard else ""


def _result(record: JobRecord, outcome: Outcome) -> Result:
    bad = outcome.bad if outcome.own else None
    return Result(first_id(record.job.id), outcome.value, took_s(record), bad, len(record.attempts))
