"""What a run did before it was killed, for the one that goes on with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.schedule.retry import Tried


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
    """How long a run went on before it was killed, as far as its attempts tell."""
    attempts = [one for each in record.jobs for one in each.attempts] if record is not None else []
    if record is None or not attempts:
        return 0.0
    return max(0.0, max(one.started_at + one.setup_s + one.duration_s for one in attempts) - record.info.started_at)
