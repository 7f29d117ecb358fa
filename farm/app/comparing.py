"""``farm diff``: what differs between two runs. Pure."""

from __future__ import annotations

from enum import StrEnum

from farm.app.sides import Ended, Side
from farm.journal.memory import changed
from farm.model.memory import Change
from farm.values import dataclass

FACTOR = 1.5
LEAST_S = 1.0
"""A duration has changed where it is so many times the other one, and by so many seconds: below that hosts differ anyway."""


class What(StrEnum):
    """How a job differs; in the order in which they are told.

    ``new`` and ``fixed`` are as against a baseline, ``changed`` is any other change of outcome; ``added`` and ``gone`` are jobs
    that ended in one of the two runs only; ``slower`` and ``faster`` passed in both.
    """

    NEW = "new"
    FIXED = "fixed"
    CHANGED = "changed"
    ADDED = "added"
    GONE = "gone"
    SLOWER = "slower"
    FASTER = "faster"


@dataclass(frozen=True, slots=True)
class Difference:
    """A job that differs; None where that run has no end of it."""

    job_id: str
    what: What
    before: Ended | None
    after: Ended | None

    @property
    def worse(self) -> bool:
        """It is bad in the second run, and was not in the first."""
        if self.after is None or not self.after.outcome.bad:
            return False
        return self.before is None or not self.before.outcome.bad

    @property
    def factor(self) -> float:
        """How many times as long it took; 1 where that cannot be said."""
        if self.before is None or self.after is None or self.before.duration_s <= 0:
            return 1.0
        return self.after.duration_s / self.before.duration_s


def differences(before: Side, after: Side) -> tuple[Difference, ...]:
    """Those between two runs, the most telling kind first; durations by how much they changed, the rest by id."""
    found = []
    for job_id in before.jobs.keys() | after.jobs.keys():
        old, new = before.jobs.get(job_id), after.jobs.get(job_id)
        what = _what(old, new)
        if what is not None:
            found.append(Difference(job_id, what, old, new))
    kinds = list(What)
    return tuple(sorted(found, key=lambda each: (kinds.index(each.what), _distance(each), each.job_id)))


def still(before: Side, after: Side) -> int:
    """How many jobs are bad in both."""
    both = before.jobs.keys() & after.jobs.keys()
    return sum(before.jobs[each].outcome.bad and after.jobs[each].outcome.bad for each in both)


def _what(before: Ended | None, after: Ended | None) -> What | None:
    if before is None:
        return What.ADDED
    if after is None:
        return What.GONE
    change = changed(before.outcome, after.outcome)
    if change in (Change.NEW, Change.FIXED):
        return What(change.value)
    if before.outcome is not after.outcome:
        return What.CHANGED
    if change is None and before.outcome.own and abs(after.duration_s - before.duration_s) >= LEAST_S:
        if after.duration_s >= FACTOR * before.duration_s:
            return What.SLOWER
        if before.duration_s >= FACTOR * after.duration_s:
            return What.FASTER
    return None


def _distance(difference: Difference) -> float:
    if difference.what not in (What.SLOWER, What.FASTER):
        return 0.0
    return -difference.factor if difference.what is What.SLOWER else difference.factor
