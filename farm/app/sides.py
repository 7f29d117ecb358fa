"""How the jobs of a run ended, for comparing it with another one: from the history, and from its journal where that has none.

The history answers for runs whose folders are gone, and in a fraction of the time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from farm.app.folder import JOURNAL, find_run, run_ids
from farm.app.nearest import no_run
from farm.errors import UsageError
from farm.journal.flakiness import together
from farm.journal.history_file import FILE
from farm.journal.history_reader import HistoryReader, reading
from farm.model.outcome import Outcome
from farm.schedule.repeat import first_id
from farm.values import dataclass

if TYPE_CHECKING:
    from farm.model.run import JobRecord, RunRecord


@dataclass(frozen=True, slots=True)
class Ended:
    """A job in one run, its repetitions together: ``duration_s`` is that of one, of all its attempts."""

    outcome: Outcome
    duration_s: float


@dataclass(frozen=True, slots=True)
class Side:
    """A run: ``jobs`` are those that ended, by id without the number of a repetition."""

    id: str
    started_at: float
    matrix: str
    jobs: Mapping[str, Ended]


def side(reports: str, run: str) -> Side:
    """The run ``run``: an id, the beginning of one, ``latest``, or the path of its folder with a slash in it.

    Raises ``UsageError`` with the nearest where there is none, ``FarmError`` where it cannot be read.
    """
    if "/" not in run:
        run = os.path.basename(os.path.realpath(os.path.join(reports, run))) if run == "latest" else run
        with reading(os.path.join(reports, FILE)) as found:
            if found is not None and (known := _of_history(found, reports, run)):
                return known
    # What reads journals takes as long to be imported as the history to answer.
    from farm.journal import queries

    return of_record(queries.read(os.path.join(find_run(reports, run), JOURNAL)))


def named(reports: str, run: str) -> str:
    """What ``side`` finds the same run by later, when others may be the latest. Raises ``UsageError``, ``FarmError``."""
    found = side(reports, run)
    return os.path.abspath(run) if "/" in run else found.id


def known_runs(reports: str) -> list[str]:
    """The ids of all runs that the history knows or that have a folder, in the order of their ids. Raises ``FarmError``."""
    with reading(os.path.join(reports, FILE)) as found:
        return _ids(found, reports)


def _ids(found: HistoryReader | None, reports: str) -> list[str]:
    there = {each.id for each in found.runs} if found is not None else set()
    return sorted(there.union(run_ids(reports)))


def _of_history(found: HistoryReader, reports: str, run: str) -> Side | None:
    if found.run(run) is None:
        ids = _ids(found, reports)
        fit = [run] if run in ids else [each for each in ids if each.startswith(run)]
        if len(fit) > 1:
            raise UsageError(f"several runs begin with {run}", "\n".join(fit), "write more of it")
        if not fit:
            raise no_run(run, ids, os.path.abspath(reports))
        run = fit[0]
    past = found.run(run)
    if past is None:
        return None
    jobs = {job: _ended((each.outcome, each.duration_s) for each in ends) for job, ends in found.results(past).items()}
    return Side(past.id, past.started_at, past.matrix, jobs)


def of_record(record: RunRecord) -> Side:
    """That of a run as its journal tells it."""
    jobs: dict[str, list[tuple[Outcome, float]]] = {}
    for each in record.jobs:
        if each.outcome is not None:
            jobs.setdefault(first_id(each.job.id), []).append((each.outcome, took_s(each)))
    ended = {job: _ended(ends) for job, ends in jobs.items()}
    return Side(record.info.id, record.info.started_at, record.info.name, ended)


def took_s(record: JobRecord) -> float:
    """All its attempts, set-up included: what the history keeps."""
    return sum(each.setup_s + each.duration_s for each in record.attempts)


def _ended(ends: Iterable[tuple[Outcome, float]]) -> Ended:
    several = list(ends)
    outcome = together([each for each, _ in several])
    return Ended(outcome, sum(duration_s for _, duration_s in several) / len(several))
