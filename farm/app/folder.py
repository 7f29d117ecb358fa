"""The folder of one run, below that of reports::

history.sqlite                  what became of the jobs of every run
<run-id>/                       its run holds flock(LOCK_EX) on it for as long as it goes on
<run-id>/journal.sqlite         written while the run goes on; everything else is made from it
<run-id>/logs/<job>/<n>.log     written by the engine
<run-id>/...                    what farm.report.write makes
latest -> <run-id>              moved in one step, after the report is there
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import time
from collections.abc import Iterator

from farm.app.nearest import no_run
from farm.errors import UsageError

JOURNAL = "journal.sqlite"
_PARTS = 1 << 16  # of a second, in an id
_TRIES = 25
_TRY_EVERY_S = 0.02


def new_run_id(now_s: float, later: int = 0) -> str:
    """An id that sorts by time: UTC, then the part of the second in 65536ths; ``later`` is so many of these after it."""
    second, part = divmod(int(now_s * _PARTS) + later, _PARTS)
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(second))}-{part:04x}"


def claim_run_dir(reports: str, now_s: float) -> tuple[str, str]:
    """The id and the folder of a new run, made by this call. Raises ``UsageError`` where it cannot be."""
    for later in itertools.count():
        run_id = new_run_id(now_s, later)
        try:
            reports = os.path.abspath(reports)  # ENOENT in a folder that was deleted
            run_dir = os.path.join(reports, run_id)
            os.makedirs(reports, exist_ok=True)
            os.mkdir(run_dir)
            return run_id, run_dir
        except OSError as error:
            if isinstance(error, FileExistsError) and os.path.isdir(reports):
                continue  # another run of this moment
            raise UsageError(
                "the folder of reports cannot be used",
                f"{reports}: {error.strerror}",
                "name another one with --reports",
            ) from error
    raise AssertionError("it counts for ever")


@contextlib.contextmanager
def held(run_dir: str) -> Iterator[None]:
    """The lock that says that the run goes on. Raises ``UsageError`` where another process holds it."""
    fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _locked(fd, fcntl.LOCK_EX, _TRIES):
            remedy = "farm logs -f follows its jobs; kill it, or wait for it"
            raise UsageError("this run is still going on", run_dir, remedy)
        yield
    finally:
        os.close(fd)


def is_live(run_dir: str) -> bool:
    """Whether the run goes on."""
    fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return not _locked(fd, fcntl.LOCK_SH, 1)
    finally:
        os.close(fd)


def _locked(fd: int, how: int, tries: int) -> bool:
    for left in reversed(range(tries)):
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if left:
                time.sleep(_TRY_EVERY_S)  # whoever asks whether it is live has the lock for a moment
    return False


def find_run(reports: str, run: str | None = None) -> str:
    """The folder of ``run``: an id, the beginning of one, ``latest``, or a path with a slash; None is the newest run.

    ``latest`` is the newest that has a report, which one that goes on has not yet. Raises ``UsageError`` where there is none.
    """
    reports = os.path.abspath(reports)
    remedy = "name the folder of reports with --reports"
    if run is not None and "/" in run:
        found = [os.path.abspath(run)]
    elif run is not None and os.path.exists(os.path.join(reports, run, JOURNAL)):
        found = [os.path.realpath(os.path.join(reports, run))]
    else:
        runs = run_ids(reports)
        found = [os.path.join(reports, each) for each in runs if each.startswith(run or "")]
        if run is not None and not found:
            raise no_run(run, runs, reports)
        if run is not None and len(found) > 1:
            raise UsageError(
                f"several runs begin with {run}", "\n".join(map(os.path.basename, found)), "write more of it"
            )
    if not found or not os.path.exists(os.path.join(found[-1], JOURNAL)):
        raise UsageError(
            f"there is no run {run}" if run else "there is no run yet", found[-1] if found else reports, remedy
        )
    return found[-1]


def run_ids(reports: str) -> list[str]:
    """The ids of the runs that have their folders in ``reports``, oldest first."""
    names = sorted(os.listdir(reports)) if os.path.isdir(reports) else []
    return [each for each in names if each != "latest" and os.path.exists(os.path.join(reports, each, JOURNAL))]


def point_latest(run_dir: str) -> None:
    """Make ``latest`` beside ``run_dir`` a link to it, in one step for whoever looks. Raises ``OSError``."""
    reports, run_id = os.path.split(run_dir)
    # In our own folder until it is in place: killed in between, we leave nothing beside it.
    staged = os.path.join(run_dir, ".latest")
    os.symlink(run_id, staged)
    try:
        os.replace(staged, os.path.join(reports, "latest"))
    except OSError:
        os.unlink(staged)
        raise
