"""``farm rerun``: what to ask of a new run so that it has the jobs of an old one."""

from __future__ import annotations

import os
from dataclasses import replace

from farm.app.folder import JOURNAL, find_run, is_live
from farm.app.options import RunOptions
from farm.errors import UsageError
from farm.journal import queries
from farm.model.outcome import Outcome
from farm.model.run import JobRecord
from farm.schedule.repeat import first_id


def again(
    options: RunOptions,
    run: str | None,
    *,
    failed: bool,
    slots: int | None = None,
    junit_dialect: str | None = None,
) -> RunOptions | None:
    """``options`` with the matrix, the jobs and everything else of ``run``, but ``slots`` and ``junit_dialect`` where given.

    With ``failed`` only its jobs that were bad, were cancelled or have no outcome; None where there are none. Raises
    ``UsageError`` where there is no such run, or with ``failed`` where it still goes on.
    """
    run_dir = find_run(options.reports, run)
    if failed and is_live(run_dir):
        raise UsageError(
            "this run is still going on", run_dir, "what failed is known when it has ended; or name another one"
        )
    record = queries.read(os.path.join(run_dir, JOURNAL))
    jobs = [each.job.id for each in record.jobs if not failed or _is_open(each, record.info.asked.fail_on_flaky)]
    if not jobs:
        return None
    old = record.info.asked
    asked = replace(
        old,
        keyword=None,
        distros=(),
        tags=(),
        jobs=tuple(dict.fromkeys(map(first_id, jobs))),
        last_failed=False,
        shard=None,
        slots=slots or old.slots,
        junit_dialect=junit_dialect or old.junit_dialect,
    )
    return replace(options, matrix=record.info.matrix_path, asked=asked, lenient=True)


def _is_open(record: JobRecord, fail_on_flaky: bool) -> bool:
    if record.outcome is None or record.outcome is Outcome.CANCELLED or record.outcome.bad:
        return True
    return fail_on_flaky and record.outcome is Outcome.FLAKY
