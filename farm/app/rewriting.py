"""``farm report``: the report of a run, made anew of its journal."""

from __future__ import annotations

import os
from collections.abc import Callable

from farm.app.afterwards import common
from farm.app.folder import JOURNAL, find_run, is_live
from farm.app.recalling import recalled
from farm.journal import queries
from farm.report.summary import Status, status_of
from farm.report.text import line
from farm.report.write import write_all


def rewrite(reports: str, run: str, note: Callable[[str], None]) -> str:
    """Write it, and return the path of its page. ``note`` is told what is odd about the run.

    ``latest`` is the newest run, also one that was killed before it had a report.

    Raises ``UsageError`` where there is no such run, ``FarmError`` where its journal cannot be read or the report not be
    written.
    """
    run_dir = find_run(reports, None if run == "latest" else run)
    record = queries.read(os.path.join(run_dir, JOURNAL))
    name = line(record.info.id)
    if is_live(run_dir):
        note(f"{name} is still going on: the report has what has ended by now")
    elif status_of(record) is Status.ABORTED:
        note(f"{name} was killed: farm run --resume {name} goes on with it")
    write_all(run_dir, record, recalled(run_dir, record, note), common(record, run_dir))
    return os.path.join(run_dir, "index.html")
