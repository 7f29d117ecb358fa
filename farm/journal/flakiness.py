"""How flaky a job is, by how it ended in the runs of late; the definition for people is in docs/history.md. Pure.

Not every change of outcome is one of a flaky job: the first of those that are looked at says that something broke or was
mended. Each further one takes a change back, and counts, and so does each pass after a bad attempt of the same run.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from farm.model.outcome import Outcome
from farm.values import dataclass

RUNS = 30
"""Of the runs that had the job, so many are looked at."""
LEAST = 5
"""Of fewer ends of its own nothing is said."""
_Z = 1.96
"""A confidence of 95 %."""


@dataclass(frozen=True, slots=True)
class Flakiness:
    """``results`` ends of its own, ``turns`` of which speak for a flaky job; ``passed_again`` of those within one run."""

    results: int
    turns: int
    passed_again: int = 0

    @property
    def score(self) -> float | None:
        """The share of the steps from one end to the next that were turns, 0 to 1; None where there are too few."""
        return min(1.0, self.turns / (self.results - 1)) if self.results >= LEAST else None

    @property
    def said(self) -> str:
        """The share in words: ``1 of 4``. Where each of five results passed after a bad attempt that is four of four."""
        steps = self.results - 1
        return f"{min(self.turns, steps)} of {steps}"

    @property
    def rank(self) -> float:
        """The lower end of Wilson's interval of that share: 2 of 4 come after 12 of 29; below 0 where there is no score."""
        if self.score is None:
            return -1.0
        steps, share = self.results - 1, self.score
        middle = share + _Z**2 / (2 * steps)
        spread = _Z * math.sqrt(share * (1 - share) / steps + _Z**2 / (4 * steps**2))
        return max(0.0, (middle - spread) / (1 + _Z**2 / steps))


def flakiness(outcomes: Sequence[Outcome]) -> Flakiness:
    """That of a job that ended in these, oldest first; those that are not its own count for nothing."""
    if outcomes.count(Outcome.PASSED) == len(outcomes):
        return Flakiness(len(outcomes), 0)  # what most jobs are, in a tenth of the time
    own = [each for each in outcomes if each.own]
    changes = sum(before.bad != after.bad for before, after in itertools.pairwise(own))
    passed_again = own.count(Outcome.FLAKY)
    return Flakiness(len(own), max(0, changes - 1) + passed_again, passed_again)


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """Repetitions of a job in one run as one: the first bad one, else flaky, else the first of its own."""
    own = [each for each in outcomes if each.own]
    bad = [each for each in own if each.bad]
    if bad:
        return bad[0]
    return Outcome.FLAKY if Outcome.FLAKY in own else (own or list(outcomes))[0]
