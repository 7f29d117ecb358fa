"""What earlier runs say about the jobs of a run: filled from the history, shown by the reports."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from farm.model.outcome import Outcome
from farm.values import dataclass


class Change(StrEnum):
    """A job against the baseline: ``new`` is bad now and was not, ``fixed`` is good now and was bad, ``still`` is bad in both.

    A job that the baseline did not have, or that did not come to an end of its own in either, has none.
    """

    NEW = "new"
    FIXED = "fixed"
    STILL = "still"


@dataclass(frozen=True, slots=True)
class PastResult:
    """How a job ended in the run ``run``, which began at ``started_at`` (seconds since the epoch), and what it took."""

    run: str
    started_at: float
    outcome: Outcome
    duration_s: float


@dataclass(frozen=True, slots=True)
class JobMemory:
    """``trend`` are the job's results in the runs before this one, oldest first, thirty at most.

    ``since`` is the run since which it is bad without a break, this one included; empty where it is not bad. ``flakiness`` is
    0 to 1 as docs/history.md defines it, None where too little is known.
    """

    trend: tuple[PastResult, ...] = ()
    change: Change | None = None
    since: str = ""
    flakiness: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """``baseline`` is the run that ``change`` compares with, empty for none; ``jobs`` are by id.

    Repetitions of a job share what is known of it, under the id without their number.
    """

    baseline: str = ""
    jobs: dict[str, JobMemory] = field(default_factory=dict)


NO_MEMORY = Memory()
"""Where there is no history."""
