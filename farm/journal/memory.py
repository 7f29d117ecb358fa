"""What the history says about the jobs of one run, for its reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from farm.journal.flakiness import RUNS, flakiness, together
from farm.journal.history_reader import OUTCOMES, HistoryReader, PastRun, Row
from farm.model.memory import Change, JobMemory, Memory, PastResult
from farm.model.outcome import Outcome
from farm.values import dataclass

_TREND = 30


@dataclass(frozen=True, slots=True)
class Now:
    """The run that is looked at: how its jobs ended, by their ids, the repetitions of one together; none that did not."""

    id: str
    started_at: float
    matrix: str
    outcomes: Mapping[str, Sequence[Outcome]]


def place(runs: Sequence[PastRun], now: Now) -> int:
    """Its number, or the one it would get: runs with a lower one came before it."""
    known = next((each.number for each in runs if each.id == now.id), None)
    return int(now.started_at) + 1 if known is None else known


def memory(history: HistoryReader, now: Now, baseline: str, before: Mapping[str, Outcome]) -> Memory:
    """What is known of the jobs of ``now`` from runs before it of the same matrix, and how they changed against ``before``.

    That is how the jobs of the run ``baseline`` ended; both are empty for none.
    """
    number = place(history.runs, now)
    runs = {each.number: each for each in history.runs if each.matrix in (now.matrix, "") and each.number < number}
    jobs = history.jobs()
    found = {}
    for job_id, outcomes in now.outcomes.items():
        rows = history.rows(jobs[job_id], number) if job_id in jobs else iter(())
        change = changed(before.get(job_id), together(outcomes))
        found[job_id] = _job(now, outcomes, change, runs, rows)
    return Memory(baseline, found)


def changed(before: Outcome | None, after: Outcome | None) -> Change | None:
    """What became of a job between two runs."""
    if before is None or after is None or not (before.own and after.own):
        return None
    if after.bad:
        return Change.STILL if before.bad else Change.NEW
    return Change.FIXED if before.bad else None


def _job(
    now: Now, outcomes: Sequence[Outcome], change: Change | None, runs: Mapping[int, PastRun], rows: Iterator[Row]
) -> JobMemory:
    is_bad = together(outcomes).bad
    since = now.id if is_bad else ""
    trend: list[PastResult] = []
    looked_at = list(reversed(outcomes))
    for number, repetition, text, took_ms, _ in rows:
        # The last repetition comes first; most often it is the only one, which is what makes this fast.
        repeated = (
            [(text, took_ms), *((row[2], row[3]) for row in islice(rows, repetition - 1))] if repetition > 1 else ()
        )
        run = runs.get(number)
        outcome = OUTCOMES.get(text)
        if repeated:
            known = [each for name, _ in repeated if (each := OUTCOMES.get(name))]
            outcome = together(known[::-1]) if known else None
            took_ms = sum(each for _, each in repeated) // len(repeated)
        if run is None or outcome is None:
            continue
        if len(trend) < _TREND:
            trend.append(PastResult(run.id, run.started_at, outcome, took_ms / 1000))
            if len(trend) < RUNS:
                looked_at += known if repeated else (outcome,)
        if is_bad and outcome.own:
            is_bad = outcome.bad
            since = run.id if is_bad else since
        if len(trend) == _TREND and not is_bad:
            break
    return JobMemory(tuple(reversed(trend)), change, since, flakiness(looked_at[::-1]).score)
