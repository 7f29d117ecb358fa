"""What a run did before it was killed, for the one that goes on with it."""

from __future__ import annotations

from dataclasses import field

from farm.model.job import Attempt
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.schedule.retry import Tried
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Earlier:
    """By job: the outcomes there are, what is known of the attempts of those without one, the last attempt of the others."""

    ended: dict[str, Outcome] = field(default_factory=dict)
    tried: dict[str, Tried] = field(default_factory=dict)
    good: dict[str, int] = field(default_factory=dict)


def earlier(record: RunRecord) -> Earlier:
    """What ``record`` tells of its jobs."""
    ended = {each.job.id: each.outcome for each in record.jobs if each.outcome is not None}
    tried = {each.job.id: _tried(each) for each in record.jobs if each.outcome is None and each.attempts}
    good = {each.job.id: each.attempts[-1].number for each in record.jobs if each.outcome is not None and each.attempts}
    return Earlier(ended, tried, good)


def _tried(record: JobRecord) -> Tried:
    bad = [each for each in record.attempts if each.outcome.bad]
    if not bad:
        return Tried(record.attempts[-1].number)
    return Tried(record.attempts[-1].number, bad[-1].outcome, bad[-1].reason)


def went_on_s(record: RunRecord | None) -> float:
    """How long a run went on before it was killed, as far as its attempts and samples tell."""
    if record is None:
        return 0.0
    ends = [_ended_s(one, record.info.started_at) for each in record.jobs for one in each.attempts]
    return max([0.0, *ends, *(each.at_s for each in record.samples)])


def _ended_s(attempt: Attempt, run_started_at: float) -> float:
    """Seconds after the run's beginning; without the time that it lay there killed where the journal is new enough."""
    began_s = attempt.started_at - run_started_at if attempt.began_s is None else attempt.began_s
    return began_s + attempt.setup_s + attempt.duration_s
