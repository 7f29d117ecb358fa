"""Which jobs a run has, and in which order they start."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from farm.app.nearest import no_job
from farm.app.options import RunOptions
from farm.errors import FarmError, UsageError
from farm.journal import history
from farm.journal.history import Past
from farm.matrix.document import Matrix
from farm.matrix.expand import MAX_JOBS, expand
from farm.matrix.load import load
from farm.matrix.select import select
from farm.model.job import Job
from farm.model.run import Asked
from farm.schedule import order
from farm.schedule.needs import closure
from farm.schedule.repeat import first_id, part, repeated
from farm.values import dataclass

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs of a run in the order of the matrix, with the place of each in the order of starting.

    ``spare`` says that there are none because they are fewer than the parts that they were dealt to.
    """

    matrix: Matrix
    jobs: tuple[Job, ...]
    ranks: tuple[int, ...]
    past: Past
    spare: bool = False

    def in_order(self) -> tuple[Job, ...]:
        """The jobs as they would start one by one."""
        return order.listing(self.jobs, self.ranks)


def plan(options: RunOptions, note: Callable[[str], None]) -> Plan:
    """What ``options`` ask for. Raises ``UsageError`` for a wrong file or selection.

    ``note`` is told of what is odd about the file, of what was left out, and of a history that cannot be read.
    """
    asked = options.asked
    matrix = load(options.matrix, asked.catalogue)
    for problem in matrix.warnings:
        note(f"warning: {problem}")
    past = known(options.reports, note)
    every = expand(matrix)
    jobs = select(every, asked.keyword, asked.distros, asked.tags)
    if asked.jobs:
        jobs = named(jobs, asked.jobs, every, note if options.lenient else None)
    if asked.last_failed:
        # As in pytest: where nothing failed there is nothing to be quicker with.
        jobs = tuple(job for job in jobs if job.id in past.failed) or jobs
    selected = bool(jobs)
    if asked.shard is not None:
        jobs = part(jobs, asked.shard)
    spare = selected and not jobs
    if spare:
        note("this part has no job: there are fewer jobs than parts")
    jobs = closure(jobs, every)
    if len(jobs) * asked.repeat > MAX_JOBS:
        raise UsageError(
            f"{len(jobs)} jobs {asked.repeat} times are more than {MAX_JOBS:,}", "", "repeat fewer of them"
        )
    jobs = tuple(tried(job, asked) for job in repeated(jobs, asked.repeat))
    return Plan(matrix, jobs, tuple(ranked(jobs, asked, past)), past, spare)


def known(reports: str, note: Callable[[str], None]) -> Past:
    """The history of the folder of reports."""
    try:
        return history.read(os.path.join(reports, history.FILE))
    except FarmError as error:
        note(f"{error.brief}: {error.detail}; {error.remedy}")
        return history.NOTHING


def ranked(jobs: Sequence[Job], asked: Asked, past: Past) -> list[int]:
    """The place of each of ``jobs`` in the order of starting."""
    return order.ranks(jobs, past.expected_s, failed=past.failed if asked.failed_first else (), seed=asked.seed)


def tried(job: Job, asked: Asked) -> Job:
    """``job`` with as many further attempts as ``--retries`` says; after which ones is for its file to say."""
    if asked.retries is None or job.retries.most == asked.retries:
        return job
    return replace(job, retries=replace(job.retries, most=asked.retries))


def named(
    jobs: Iterable[Job], ids: Iterable[str], every: Sequence[Job], note: Callable[[str], None] | None = None
) -> tuple[Job, ...]:
    """Those of ``jobs`` with these ids, or of which these are repetitions.

    Raises ``UsageError`` for ids that none of ``every`` has, naming the nearest; with ``note`` that is told instead.
    """
    wanted = dict.fromkeys(map(first_id, ids))
    there = {job.id for job in every}
    missing = [each for each in wanted if each not in there]
    if missing and note is not None:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        note(f"no longer in the matrix: {', '.join(missing[:_SHOWN])}{more}")
    elif missing:
        raise no_job(missing[0], there)
    return tuple(job for job in jobs if job.id in wanted)
