"""``farm merge``: a folder with journal, logs, artifacts and report made of the folders of several runs."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Sequence
from dataclasses import replace

from farm.app.afterwards import report
from farm.app.folder import JOURNAL, claim_run_dir, find_run, held, is_live
from farm.app.merging import Merged, merged, missing_parts
from farm.app.options import RunOptions, RunOutcome, Ui
from farm.app.planning import plan
from farm.errors import FarmError, UsageError
from farm.journal import queries
from farm.journal.writer import JournalWriter
from farm.model.job import Job
from farm.model.paths import safe_name
from farm.model.run import RunRecord
from farm.report.summary import status_of

_OF_JOBS = ("logs", "artifacts")
_PREPARE = "prepare"


def merge(reports: str, runs: Sequence[str], ui: Ui, *, last: bool = False) -> RunOutcome:
    """Make one run of ``runs``, ids of runs in ``reports`` or paths of their folders, and report it there.

    The folders stay as they are. In the history of ``reports`` the run takes the place of those that it is made of. Raises
    ``UsageError`` where they cannot be one, ``FarmError`` where it cannot be written; nothing is left of it then.
    """
    folders = [find_run(reports, each) for each in runs]
    if len({os.path.realpath(each) for each in folders}) < max(2, len(folders)):
        raise UsageError("a run is made of several others", "\n".join(folders), "name two or more, each once")
    for each in folders:
        if is_live(each):
            raise UsageError("this run is still going on", each, "merge it when it has ended")
    parts = [queries.read(os.path.join(each, JOURNAL)) for each in folders]
    merged(parts, "", last=last)  # what is wrong with them is said before anything is made
    every = _every_job(parts) if missing_parts(parts) else ()
    run_id, run_dir = claim_run_dir(reports, time.time())
    with held(run_dir):
        whole = merged(parts, run_id, last=last, every=every)
        try:
            _write(whole, run_dir)
            _copy(whole, folders, run_dir)
        except OSError as error:
            shutil.rmtree(run_dir, ignore_errors=True)
            remedy = "see that there is space for its logs and artifacts"
            raise FarmError("the merged run cannot be written", f"{run_dir}: {error}", remedy) from error
        except BaseException:
            shutil.rmtree(run_dir, ignore_errors=True)
            raise
        record = report(run_dir, ui, replaces=[each.info.id for each in parts])
    return RunOutcome(status_of(record).exit_code, run_dir)


def _every_job(parts: Sequence[RunRecord]) -> tuple[Job, ...]:
    """The jobs that the parts were dealt, where the matrix file is still where one of them had it; none where it is not."""
    info = parts[0].info
    for path in dict.fromkeys(each.info.matrix_path for each in parts):
        asked = replace(info.asked, shard=None, last_failed=False, baseline=None)
        try:
            planned = plan(RunOptions(path, "", os.path.dirname(path), asked, lenient=True), lambda _: None)
        except (FarmError, OSError):
            continue
        if planned.matrix.name == info.name and not info.asked.last_failed:
            return planned.jobs
    return ()


def _write(whole: Merged, run_dir: str) -> None:
    record = whole.record
    with JournalWriter(os.path.join(run_dir, JOURNAL)) as journal:
        journal.begin(record.info, [each.job for each in record.jobs])
        for image in record.images:
            journal.image(image)
        for sample in record.samples:
            journal.sample(sample)
        for each in record.jobs:
            for attempt in each.attempts:
                journal.attempt(attempt)
            if each.outcome is not None:
                journal.outcome(each.job.id, each.outcome, each.reason)
        for kind, text in record.notes:
            journal.note(kind, text)
        journal.finish(record.duration_s or 0.0, record.status)


def _copy(whole: Merged, folders: Sequence[str], run_dir: str) -> None:
    for each, source in zip(whole.record.jobs, whole.sources, strict=True):
        for kind in _OF_JOBS:
            _copy_folder(folders[source], run_dir, os.path.join(kind, safe_name(each.job.id)))
    for folder in folders:
        _copy_folder(folder, run_dir, _PREPARE)


def _copy_folder(run_dir: str, to_dir: str, name: str) -> None:
    """What is at ``name`` below ``run_dir``, which may come from elsewhere: nothing outside of it is copied."""
    source = os.path.join(run_dir, name)
    if os.path.isdir(source) and os.path.realpath(source) == os.path.join(os.path.realpath(run_dir), name):
        shutil.copytree(
            source, os.path.join(to_dir, name), symlinks=True, ignore=_odd, dirs_exist_ok=True, copy_function=_copied
        )


def _odd(folder: str, names: list[str]) -> list[str]:
    """Neither files nor folders nor links: a fifo would be waited for."""
    modes = {name: os.lstat(os.path.join(folder, name)).st_mode for name in names}
    return [
        name for name, mode in modes.items() if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))
    ]


def _copied(source: str, target: str) -> str:
    return shutil.copy2(source, target, follow_symlinks=False)
