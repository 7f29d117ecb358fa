"""``farm run``: a matrix file becomes a run, a run becomes a report."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

from farm.app.afterwards import report
from farm.app.earlier import went_on_s
from farm.app.folder import JOURNAL, find_run, held
from farm.app.host import require_root
from farm.app.options import RunOptions, RunOutcome, Ui
from farm.app.planning import Plan, known, plan, ranked
from farm.app.running import Run
from farm.app.sides import named
from farm.errors import UsageError
from farm.journal import queries
from farm.journal.writer import JournalWriter
from farm.matrix.load import load
from farm.matrix.secrets import check_secrets
from farm.model.outcome import Outcome
from farm.model.run import RunRecord
from farm.report.summary import Status, status, status_of

NOTHING_SELECTED = Status.EMPTY.exit_code


def run(options: RunOptions, ui: Ui) -> RunOutcome:
    """Run what ``options`` select and write the report.

    SIGINT drains, a second one kills; SIGTERM and SIGHUP kill at once. The report is written in each case, also where the
    signal came before the first job. Raises ``UsageError`` where the run cannot begin, ``FarmError`` where it cannot be
    recorded, and whatever is a bug of the farm, each after a report of what the journal has. Raises this process's soft
    limit of open files as far as the jobs need it.
    """
    require_root()
    planned = plan(options, ui.note)
    check_secrets(planned.jobs, os.environ)
    if not planned.jobs and not planned.spare:
        return RunOutcome(NOTHING_SELECTED)
    if options.asked.baseline is not None:
        options = replace(
            options, asked=replace(options.asked, baseline=named(options.reports, options.asked.baseline))
        )
    return asyncio.run(Run(options, planned, ui).go())


def resume(options: RunOptions, run: str, ui: Ui) -> RunOutcome:
    """Go on with ``run``, which was killed: its jobs without an outcome run, with what was asked of it then.

    ``latest`` is the newest: one that was killed has no report yet, so the link of that name leads past it. Of ``options``
    count ``home``, ``reports``, ``keep``, ``verbose`` and, where there are any, the ``slots``. Raises as ``run`` does; also
    ``UsageError`` where the run still goes on, or its matrix file no longer has what it takes.
    """
    require_root()
    run_dir = find_run(options.reports, None if run == "latest" else run)
    with held(run_dir):
        record = queries.read(os.path.join(run_dir, JOURNAL))
        if all(each.outcome is not None for each in record.jobs):
            return _ended(record, run_dir, ui)
        asked = record.info.asked
        asked = replace(asked, slots=options.asked.slots or asked.slots)
        options = replace(options, matrix=record.info.matrix_path, reports=os.path.dirname(run_dir), asked=asked)
        matrix = load(options.matrix, asked.catalogue)
        there = {each.name for each in matrix.distros}
        if gone := sorted({key.distro for each in record.jobs for key in each.job.image_keys} - there):
            raise UsageError(
                f"the matrix file no longer has {', '.join(gone)}", options.matrix, "farm rerun starts anew"
            )
        jobs = tuple(each.job for each in record.jobs)
        check_secrets(tuple(each.job for each in record.jobs if each.outcome is None), os.environ)
        past = known(options.reports, ui.note)
        planned = Plan(matrix, jobs, tuple(ranked(jobs, asked, past)), past)
        return asyncio.run(Run(options, planned, ui, record, run_dir).go())


def _ended(record: RunRecord, run_dir: str, ui: Ui) -> RunOutcome:
    """A run of which no job is left; killed after the last of them it has not said how it ended."""
    cancelled = any(each.outcome is Outcome.CANCELLED for each in record.jobs)
    more = "; farm rerun --failed runs those that were cancelled" if cancelled else ""
    ui.note(f"{record.info.id}: every job has its outcome already{more}")
    if not record.status:
        with JournalWriter(os.path.join(run_dir, JOURNAL), resume=True) as journal:
            ended = status(record, fail_on_flaky=record.info.asked.fail_on_flaky, spare=not record.jobs)
            journal.finish(went_on_s(record), ended)
    record = report(run_dir, ui)
    return RunOutcome(status_of(record).exit_code, run_dir, record)
