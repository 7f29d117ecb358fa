"""What the history says of jobs over all runs: which are flaky, and what became of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from farm.journal.flakiness import RUNS, Flakiness, flakiness
from farm.journal.history_reader import OUTCOMES, End, HistoryReader, PastRun, Row, end
from farm.model.outcome import Outcome
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Trend:
    """A job of a matrix in the last runs that had it; ``outcomes`` are oldest first, ``last`` is the newest of those runs."""

    job_id: str
    matrix: str
    flakiness: Flakiness
    outcomes: tuple[Outcome, ...]
    last: PastRun


def flaky(history: HistoryReader) -> tuple[Trend, ...]:
    """The jobs that are flaky at all, those first of which it is most certain; of equal ones in the order of their ids.

    One that several matrices have is one for each. What version 1 recorded, which has no matrix, counts for each of them.
    """
    names = list(dict.fromkeys(each.matrix for each in reversed(history.runs) if each.matrix)) or [""]
    jobs = history.jobs()
    found: list[Trend] = []
    for matrix in names:
        runs = {each.number: each for each in history.runs if each.matrix in (matrix, "")}
        for job_id, job in jobs.items():
            rows = _recent(history.rows(job), runs)
            if all(row[2] == Outcome.PASSED for row in rows):
                continue  # what most jobs are, in a third of the time
            # What no matrix has recorded since version 1 is shown once.
            if runs[rows[-1][0]].matrix != matrix != names[0]:
                continue
            found.append(_trend(job_id, matrix, rows, runs))
    turning = [each for each in found if each.flakiness.score]
    return tuple(sorted(turning, key=lambda each: (-each.flakiness.rank, each.job_id, each.matrix)))


def trend(history: HistoryReader, job_id: str, job: int) -> Trend | None:
    """That of a job and its number, for the matrix that had it last; None where it has no result."""
    runs = {each.number: each for each in history.runs}
    matrix = next((runs[row[0]].matrix for row in history.rows(job) if runs[row[0]].matrix), "")
    runs = {number: each for number, each in runs.items() if each.matrix in (matrix, "")}
    rows = _recent(history.rows(job), runs)
    return _trend(job_id, matrix, rows, runs) if rows else None


def course(history: HistoryReader, job: int, most: int) -> tuple[tuple[PastRun, End], ...]:
    """The last ``most`` ends of the job with this number in all runs, oldest first."""
    runs = {each.number: each for each in history.runs}
    found: list[tuple[PastRun, End]] = []
    for row in history.rows(job):
        if len(found) == most:
            break
        known = end(row)
        if known is not None:
            found.append((runs[known.number], known))
    return tuple(reversed(found))


def _trend(job_id: str, matrix: str, rows: Sequence[Row], runs: Mapping[int, PastRun]) -> Trend:
    outcomes = tuple(OUTCOMES[row[2]] for row in rows if row[2] in OUTCOMES)
    return Trend(job_id, matrix, flakiness(outcomes), outcomes, runs[rows[-1][0]])


def _recent(rows: Iterable[Row], runs: Mapping[int, PastRun]) -> Sequence[Row]:
    """Those of the last runs among ``runs``, oldest first."""
    found: list[Row] = []
    seen, number = 0, None
    for row in rows:
        if row[0] != number:
            if row[0] not in runs:
                continue
            if seen == RUNS:
                break
            number, seen = row[0], seen + 1
        found.append(row)
    return found[::-1]
