"""What is asked of one job of a run that was, or that goes on: its logs, and how to run it again."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

from farm.app.folder import JOURNAL, find_run, is_live
from farm.app.nearest import no_job
from farm.errors import UsageError
from farm.journal import queries
from farm.model.paths import safe_name
from farm.model.run import JobRecord, RunInfo
from farm.values import dataclass

_LOG = re.compile(r"([0-9]+)\.log")
_LOOK_EVERY_S = 0.1
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Found:
    """A job of a run, and where that is."""

    info: RunInfo
    run_dir: str
    record: JobRecord

    def log(self, number: int) -> str:
        """The log of attempt ``number``, which need not be there."""
        return os.path.join(self.run_dir, "logs", safe_name(self.record.job.id), f"{number}.log")

    def attempts(self) -> tuple[int, ...]:
        """The numbers of the attempts that have a log, the one that runs included."""
        folder = os.path.dirname(self.log(1))
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return tuple(sorted(int(found[1]) for each in names if (found := _LOG.fullmatch(each))))


def find_job(reports: str, job_id: str, run: str | None = None) -> Found:
    """``job_id`` in ``run``, the newest where that is None. Raises ``UsageError`` with the nearest ids."""
    run_dir = find_run(reports, run)
    record = queries.read(os.path.join(run_dir, JOURNAL))
    for each in record.jobs:
        if each.job.id == job_id:
            return Found(record.info, run_dir, each)
    error = no_job(job_id, [each.job.id for each in record.jobs])
    raise UsageError(
        f"{error.brief} in the run {record.info.id}", error.detail, "farm list shows ids, --run names a run"
    )


def show_log(found: Found, number: int, write: Callable[[bytes], None], *, follow: bool = False) -> None:
    """Give the log of attempt ``number`` to ``write``, in pieces; with ``follow`` until the job has ended, its retries too.

    Raises ``UsageError`` where there is no such log.
    """
    if not (_comes(found, number) if follow else os.path.exists(found.log(number))):
        outcome = found.record.outcome
        why = f"it was {outcome}: {found.record.reason}" if outcome else "it has not run yet"
        raise UsageError(f"{found.record.job.id} has no log of attempt {number}", why)
    _copy(found, number, write, follow=follow)
    while follow and _comes(found, number + 1):
        number += 1
        _copy(found, number, write, follow=True)


def _copy(found: Found, number: int, write: Callable[[bytes], None], *, follow: bool) -> None:
    with open(found.log(number), "rb") as log:
        while True:
            # Asked before the last read: what came before the end is read after it.
            goes_on = follow and not _is_over(found, number)
            while piece := log.read(_CHUNK_BYTES):
                write(piece)
            if not goes_on:
                return
            time.sleep(_LOOK_EVERY_S)


def _comes(found: Found, number: int) -> bool:
    """Whether there is a log of attempt ``number``; waits for it as long as there may be one."""
    while True:
        over = _is_over(found, None)
        if os.path.exists(found.log(number)):
            return True
        if over:
            return False
        time.sleep(_LOOK_EVERY_S)


def _is_over(found: Found, number: int | None) -> bool:
    """Whether attempt ``number`` has ended, or with it the job; None asks for the job only."""
    if not is_live(found.run_dir):
        return True
    ended = queries.ended(os.path.join(found.run_dir, JOURNAL), found.record.job.id)
    return ended.over or (number is not None and number <= ended.attempts)
