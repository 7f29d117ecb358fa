"""The chain of jobs that the run waited for: pure, from what jobs need and when their attempts ran."""

from __future__ import annotations

from collections.abc import Sequence

from farm.model.job import Attempt
from farm.model.run import JobRecord
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A job of the chain: ``number`` is its place in the run, times are seconds after the run's beginning.

    ``began_s`` is the launch of its first attempt, ``ended_s`` the end of its last one, ``idle_s`` what passed between the end
    of the step before (for the first: the run's beginning) and its launch.
    """

    number: int
    began_s: float
    ended_s: float
    idle_s: float


def path(jobs: Sequence[JobRecord], started_at: float) -> tuple[Step, ...]:
    """From the first step to the job that ended last; before each is, of the jobs that it needs, the one that ended last.

    ``started_at`` is the run's beginning in seconds of the epoch, for attempts that say only by the wall clock when they began.
    Empty where nothing ran.
    """
    spans = [span(each, started_at) for each in jobs]
    numbers = {each.job.id: number for number, each in enumerate(jobs)}
    ended = [(found[1], number) for number, found in enumerate(spans) if found is not None]
    chain: list[int] = []
    number = max(ended)[1] if ended else None
    while number is not None and number not in chain:  # a record of a strange journal may need itself
        chain.append(number)
        needed = (numbers[each] for each in jobs[number].job.needs if each in numbers)
        before = [(found[1], each) for each in needed if (found := spans[each]) is not None]
        number = max(before)[1] if before else None
    steps: list[Step] = []
    for each in reversed(chain):
        began_s, ended_s = spans[each] or (0.0, 0.0)
        steps.append(Step(each, began_s, ended_s, max(0.0, began_s - (steps[-1].ended_s if steps else 0.0))))
    return tuple(steps)


def span(record: JobRecord, started_at: float) -> tuple[float, float] | None:
    """When a job's first attempt was launched and its last one ended; None where it never ran."""
    if not record.attempts:
        return None
    last = record.attempts[-1]
    return began_s(record.attempts[0], started_at), began_s(last, started_at) + last.setup_s + last.duration_s


def began_s(attempt: Attempt, started_at: float) -> float:
    """Seconds from the run's beginning to the launch, by the wall clock where no other is known."""
    if attempt.began_s is not None:
        return attempt.began_s
    return max(0.0, attempt.started_at - started_at)
