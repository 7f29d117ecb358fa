"""The folder of one run, below that of reports::

<run-id>/journal.sqlite         written while the run goes on; everything else is made from it
<run-id>/logs/<job>/<n>.log     written by the engine
<run-id>/...                    what farm.report.write makes
latest -> <run-id>              moved in one step, after the report is there
"""

from __future__ import annotations

import os
import secrets
import time

from farm.errors import UsageError

JOURNAL = "journal.sqlite"


def new_run_id(now_s: float, salt: str) -> str:
    """An id that sorts by time: UTC, then ``salt`` for runs of the same second."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_s))}-{salt}"


def claim_run_dir(reports: str, now_s: float) -> tuple[str, str]:
    """The id and the folder of a new run, made by this call. Raises ``UsageError`` where it cannot be."""
    while True:
        run_id = new_run_id(now_s, secrets.token_hex(2))
        try:
            reports = os.path.abspath(reports)  # ENOENT in a folder that was deleted
            run_dir = os.path.join(reports, run_id)
            os.makedirs(reports, exist_ok=True)
            os.mkdir(run_dir)
            return run_id, run_dir
        except OSError as error:
            if isinstance(error, FileExistsError) and os.path.isdir(reports):
                continue  # another run of this second
            raise UsageError(
                "the folder of reports cannot be used",
                f"{reports}: {error.strerror}",
                "name another one with --reports",
            ) from error


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
