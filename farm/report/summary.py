"""What a run comes to: counts, failures and the status its exit code is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import words


class Status(StrEnum):
    """How a run ended as a whole; ``exit_code`` is that of ``farm run``.

    ``aborted`` is never written by a run: it is what a journal without an end means, for the farm was killed or broke.
    """

    GOOD = "good"
    BAD = "bad"
    INTERRUPTED = "interrupted"
    EMPTY = "empty"
    INFRASTRUCTURE = "infrastructure"
    DEADLINE = "deadline"
    ABORTED = "aborted"

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Status.GOOD: 0,
    Status.BAD: 1,
    Status.INTERRUPTED: 2,
    Status.EMPTY: 5,
    Status.INFRASTRUCTURE: 6,
    Status.DEADLINE: 7,
    Status.ABORTED: 3,
}


def status(
    run: RunRecord | Iterable[Outcome | None],
    interrupted: bool = False,
    *,
    deadline: bool = False,
    fail_on_flaky: bool = False,
    spare: bool = False,
) -> Status:
    """The status of a run or of its jobs' outcomes; a job without an outcome means that the run was interrupted.

    ``deadline`` says that it ended the run, ``fail_on_flaky`` that a flaky job is bad; ``spare`` that it is a part for which
    there was no job, which is as good as any.
    """
    outcomes = [record.outcome for record in run.jobs] if isinstance(run, RunRecord) else list(run)
    if interrupted:
        return Status.INTERRUPTED
    if deadline:
        return Status.DEADLINE
    if not outcomes:
        return Status.GOOD if spare else Status.EMPTY
    bad = {each for each in outcomes if each is not None and (each.bad or (fail_on_flaky and each is Outcome.FLAKY))}
    if bad:
        return Status.INFRASTRUCTURE if bad == {Outcome.ERROR} else Status.BAD
    if None in outcomes or Outcome.CANCELLED in outcomes:
        return Status.INTERRUPTED  # nothing failed, yet not everything was tested: that is not good
    return Status.GOOD


def status_of(record: RunRecord) -> Status:
    """The status that the run ended with; a run that did not live to say one was aborted."""
    try:
        return Status(record.status)
    except ValueError:
        return Status.ABORTED


def counts(jobs: Iterable[JobRecord]) -> dict[Outcome, int]:
    """How many jobs ended in each outcome, in the order of ``Outcome``, those with none left out."""
    found = Counter(record.outcome for record in jobs)
    return {outcome: found[outcome] for outcome in Outcome if found[outcome]}


def failures(jobs: Iterable[JobRecord]) -> tuple[JobRecord, ...]:
    """The bad jobs: what tests did in the order of the matrix, then what the farm itself could not do."""
    bad = [record for record in jobs if record.outcome is not None and record.outcome.bad]
    return tuple(sorted(bad, key=lambda record: record.outcome is Outcome.ERROR))


def alike(bad: Iterable[JobRecord]) -> tuple[tuple[JobRecord, ...], ...]:
    """``bad`` with those together that never ran for one and the same reason, such as an image that is not there."""
    found: dict[tuple[bool, str], list[JobRecord]] = {}
    for record in bad:
        tried = bool(record.attempts)
        found.setdefault((tried, record.job.id if tried else record.reason), []).append(record)
    return tuple(tuple(records) for records in found.values())


def weakened(jobs: Iterable[JobRecord]) -> tuple[tuple[str, tuple[JobRecord, ...]], ...]:
    """Each set of opt-outs that the matrix file asks for, with the jobs it asks them for."""
    found: dict[str, list[JobRecord]] = {}
    for each in jobs:
        asked = words.opted_out(each.job)
        if asked:
            found.setdefault(asked, []).append(each)
    return tuple((asked, tuple(each)) for asked, each in found.items())


def slowest(jobs: Iterable[JobRecord], number: int) -> tuple[JobRecord, ...]:
    """The ``number`` jobs that ran longest, all their attempts together; those that never ran are left out."""
    ran = [record for record in jobs if duration_s(record) > 0]
    return tuple(sorted(ran, key=duration_s, reverse=True)[:number])


def duration_s(record: JobRecord) -> float:
    """Seconds that the job's commands ran, in all its attempts."""
    return sum(attempt.duration_s for attempt in record.attempts)
