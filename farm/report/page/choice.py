"""Which jobs' logs lie in the page, how much of each, and which log is compared with which: pure, bounded."""

from __future__ import annotations

from collections.abc import Mapping

from farm.model.distro import Facts
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import summary
from farm.report.logs import TAIL_BYTES
from farm.values import dataclass

LOG_LINES = 200
LOGS = 1000
LOGS_BYTES = 16 << 20
"""Of all logs in the page together."""
SMALL_RUN = 300
_ATTEMPTS = 3
_COMPARED = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """``lines`` says of (number of the job, of the attempt) how many; ``passed`` of a bad job with which it is compared."""

    lines: Mapping[tuple[int, int], int]
    passed: Mapping[int, int]


def choose(record: RunRecord, numbers: Mapping[str, int]) -> Choice:
    """The bad jobs first, in the order in which they are told, then the flaky ones; the last three attempts of each.

    Of a run that is small the others follow.
    """
    bad = summary.failures(record.jobs)
    flaky = [each for each in record.jobs if each.outcome is Outcome.FLAKY]
    told = {each.job.id for each in (*bad, *flaky)}
    others = [each for each in record.jobs if each.job.id not in told] if len(record.jobs) <= SMALL_RUN else []
    left_bytes = LOGS_BYTES
    lines: dict[tuple[int, int], int] = {}
    for each in (*bad, *flaky, *others):
        for attempt in each.attempts[-1 : -_ATTEMPTS - 1 : -1]:
            taken_bytes = min(attempt.log_bytes, TAIL_BYTES)
            if taken_bytes and taken_bytes <= left_bytes and len(lines) < LOGS:
                lines[numbers[each.job.id], attempt.number] = LOG_LINES
                left_bytes -= taken_bytes
    return Choice(lines, _passed(record, bad[:_COMPARED], numbers))


def _passed(record: RunRecord, bad: tuple[JobRecord, ...], numbers: Mapping[str, int]) -> dict[int, int]:
    """Of each bad job with a log the same test, with the same axes, on the distro most like its own where it passed."""
    wanted = {(each.job.test, each.job.axes) for each in bad}
    good: dict[tuple[str, tuple[tuple[str, str], ...]], list[JobRecord]] = {}
    for each in record.jobs:
        key = each.job.test, each.job.axes
        if each.outcome is Outcome.PASSED and key in wanted and _has_log(each):
            good.setdefault(key, []).append(each)
    facts = {each.distro: each.facts for each in record.images}
    found = {}
    for each in bad:
        others = good.get((each.job.test, each.job.axes))
        if others and _has_log(each):
            mine = facts.get(each.job.distro, Facts())
            nearest = max(others, key=lambda other: _likeness(mine, facts.get(other.job.distro, Facts())))
            found[numbers[each.job.id]] = numbers[nearest.job.id]
    return found


def _has_log(record: JobRecord) -> bool:
    return bool(record.attempts and record.attempts[-1].log_bytes)  # a journal that was cut may have lost attempts


def _likeness(one: Facts, other: Facts) -> tuple[bool, bool, bool]:
    """The more alike, the less of a difference is the distro's; the first of equals is taken."""
    return one.libc == other.libc, one.family == other.family, one.arch == other.arch
