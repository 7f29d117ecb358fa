"""Runs that ended: folders with journals, logs, artifacts, reports and their places in the history, by what writes them."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from farm.app.afterwards import report
from farm.app.folder import JOURNAL
from farm.journal.writer import JournalWriter
from farm.model.distro import Facts
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.paths import safe_name
from farm.model.rules import Shard
from farm.model.run import Asked, Sample, UsedImage
from farm.report.summary import status
from farm.report.terminal import PlainUi
from tests.unit.report.runs import info

LETTERS = {
    "P": Outcome.PASSED,
    "F": Outcome.FAILED,
    "T": Outcome.TIMEOUT,
    "E": Outcome.ERROR,
    "~": Outcome.FLAKY,
    "s": Outcome.SKIPPED,
    "c": Outcome.CANCELLED,
    "-": None,
}
"""``-`` is a job that the run did not come to."""


def run_id(number: int) -> str:
    """They sort as their numbers."""
    return f"20260102T{number:06}Z-3f2a"


def job(job_id: str, where: str = "") -> Job:
    test, _, distro = job_id.partition("/")
    return Job(job_id, test, distro.partition("[")[0], (), ("sh", "-c", "x"), "x", where=where)


def journal(
    reports: Path,
    number: int,
    jobs: Mapping[str, str],
    *,
    asked: Asked | None = None,
    name: str = "nightly",
    took_s: Mapping[str, float] | None = None,
    killed: bool = False,
    hostname: str = "build7",
    where: Mapping[str, str] | None = None,
    matrix_path: str = "/nowhere/matrix.yaml",
) -> Path:
    """The folder of a run of ``jobs``, each with the letter of its outcome, as it is before its report is made.

    It began ``number`` seconds after all of them.
    """
    run_dir = reports / run_id(number)
    run_dir.mkdir(parents=True)
    started_at = 1_767_323_045.0 + number
    known = {"id": run_id(number), "name": name, "started_at": started_at, "hostname": hostname}
    about = info(**known, matrix_path=matrix_path, asked=asked or Asked())
    outcomes = {job_id: LETTERS[letter] for job_id, letter in jobs.items()}
    with JournalWriter(str(run_dir / JOURNAL)) as writer:
        writer.begin(about, [job(each, (where or {}).get(each, "")) for each in jobs])
        writer.image(UsedImage("0" * 64, "d", "d.tar", Facts(id="d")))
        writer.sample(Sample(1.0, 0.5, 1 << 30, 1, 0))
        for job_id, outcome in outcomes.items():
            if outcome is None or outcome is Outcome.CANCELLED:
                if outcome is not None:
                    writer.outcome(job_id, outcome, "interrupted")
                continue
            for attempt in attempts(run_dir, job_id, outcome, started_at, (took_s or {}).get(job_id, 2.0)):
                writer.attempt(attempt)
            writer.outcome(job_id, outcome, "" if outcome is Outcome.PASSED else f"it {outcome}")
        if not killed:
            writer.finish(10.0, status(outcomes.values(), spare=not jobs))
    return run_dir


def attempts(run_dir: Path, job_id: str, outcome: Outcome, at: float, took_s: float) -> list[Attempt]:
    if outcome is Outcome.SKIPPED:
        return []
    folder = run_dir / "logs" / safe_name(job_id)
    folder.mkdir(parents=True)
    (folder / "1.log").write_text(f"{run_dir.name} says {outcome}\n")
    kept = run_dir / "artifacts" / safe_name(job_id) / "1"
    kept.mkdir(parents=True)
    (kept / "core").write_text(f"{run_dir.name} core\n")
    path = os.path.relpath(folder / "1.log", run_dir)
    first = Attempt(job_id, 1, outcome, at, duration_s=took_s, log_path=path, log_bytes=30)
    if outcome is not Outcome.FLAKY:
        return [first]
    return [replace(first, outcome=Outcome.FAILED), replace(first, number=2, outcome=Outcome.PASSED, log_path="")]


def ended(reports: Path, number: int, jobs: Mapping[str, str], **given: object) -> str:
    """The last words of such a run, whose report is there and that the history knows."""
    said = io.StringIO()
    report(str(journal(reports, number, jobs, **given)), PlainUi(said))  # type: ignore[arg-type]
    return said.getvalue()


def shard(index: int, total: int) -> Asked:
    """What a part was asked for, counted from 1."""
    return Asked(shard=Shard(index - 1, total))
