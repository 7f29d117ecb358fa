"""What the end of an attempt means for its job: another attempt, or an outcome. Pure."""

from __future__ import annotations

from farm.model.outcome import Outcome
from farm.model.rules import Retries
from farm.schedule.events import AttemptEnded
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Tried:
    """What is known of a job's attempts: how many there were, and how the last bad one ended (None: none was bad)."""

    attempts: int = 0
    bad: Outcome | None = None
    reason: str = ""


def wanted(rules: Retries, number: int, ended: AttemptEnded) -> bool:
    """Whether attempt ``number``, from 1, which ended so is to be followed by another one. A good one never is."""
    if number > rules.most or not ended.outcome.bad:
        return False
    return ended.outcome in rules.outcomes or (ended.exit_code is not None and ended.exit_code in rules.exit_codes)


def after(tried: Tried, ended: AttemptEnded) -> Tried:
    """``tried`` with one more attempt."""
    if ended.outcome.bad:
        return Tried(tried.attempts + 1, ended.outcome, ended.reason)
    return Tried(tried.attempts + 1, tried.bad, tried.reason)


def settled(before: Tried, outcome: Outcome, reason: str) -> tuple[Outcome, str]:
    """The job's outcome and its reason, where its last attempt ended as ``outcome`` after those ``before``.

    One that passes after a bad one is flaky. A skipped or cancelled one decides nothing: what was bad before stays so.
    """
    if before.bad is None:
        return outcome, reason
    if outcome is Outcome.PASSED:
        told = f" ({before.reason})" if before.reason else ""
        return Outcome.FLAKY, f"passed at attempt {before.attempts + 1}, after {before.bad}{told}"
    if outcome in (Outcome.SKIPPED, Outcome.CANCELLED):
        told = f"{before.reason}; " if before.reason else ""
        return before.bad, f"{told}another attempt was {outcome}{f' ({reason})' if reason else ''}"
    return outcome, reason
