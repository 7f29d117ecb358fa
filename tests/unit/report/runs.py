"""Runs to report on: built from the model's values, mixed outcomes, the same every time."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

from farm.model.job import Attempt, Failure, Job
from farm.model.limits import Limits, Usage
from farm.model.outcome import Outcome
from farm.model.paths import safe_name
from farm.model.run import JobRecord, RunInfo, RunRecord

DISTROS = (
    "host",
    "ubuntu-12.04",
    "ubuntu-14.04-i386",
    "debian-13",
    "centos-7",
    "opensuse-leap-15.6",
    "alpine-3.20",
    "fedora-43",
    "arch",
)
_MIXED = (
    (Outcome.FAILED, "exit status 2", 2 << 8),
    (Outcome.FAILED, "killed by SIGSEGV (Segmentation fault)", 139),
    (Outcome.TIMEOUT, "ran longer than its timeout of 60 s", 15),
    (Outcome.OOM, "the kernel killed 2 processes of this job for exceeding its memory quota", 9),
    (Outcome.ERROR, "mount overlay: ENOSPC (No space left on device)", None),
    (Outcome.SKIPPED, "exit status 77", 77 << 8),
    (Outcome.XFAILED, "exit status 1", 1 << 8),
    (Outcome.XPASSED, "passed, though it was expected to fail", 0),
    (Outcome.FLAKY, "passed at the second attempt", 0),
    (Outcome.CANCELLED, "stopped before it ended", 9),
)


def info(**changed: object) -> RunInfo:
    """A host as they are."""
    known: dict[str, object] = {
        "id": "20260102T030405Z-3f2a",
        "name": "nightly",
        "matrix_path": "/home/qa/product/matrix.yaml",
        "started_at": 1_767_323_045.0,
        "farm_version": "0.1.0",
        "hostname": "build7",
        "kernel": "6.18.2-amd64",
        "host_name": "Debian GNU/Linux 13 (trixie)",
        "cpus": 16,
        "memory_bytes": 64 << 30,
        "cgroup": "hybrid",
        "user_namespace": True,
        "seccomp": True,
        "command_line": ("farm", "run", "matrix.yaml", "-j", "200", "-k", "not slow"),
    }
    return RunInfo(**(known | changed))  # type: ignore[arg-type]


def mixed(
    run_dir: Path,
    tests: int,
    *,
    axis: int = 1,
    distros: tuple[str, ...] = DISTROS,
    bad: int = 20,
    logged: bool = True,
) -> RunRecord:
    """``tests`` x ``distros`` x ``axis`` jobs, about one in ``bad`` of them not passed.

    Their logs are written, those of good ones only if ``logged``.
    """
    dice = random.Random(7)  # seeded: the same run every time
    records = []
    for test in range(tests):
        for distro in distros:
            for value in range(axis):
                axes = (("opt", f"O{value}"),) if axis > 1 else ()
                name = f"check-{test:02d}" if test % 5 else f"package-manager-version-{test:02d}"
                records.append(_record(run_dir, name, distro, axes, dice, bad, logged=logged))
    return RunRecord(info(), tuple(records), duration_s=83.4, status="bad")


def one(run_dir: Path, outcome: Outcome | None, printed: bytes, **changed: object) -> RunRecord:
    """A run of one job that ended as ``outcome`` after it ``printed``; fields of the job may be ``changed``."""
    known: dict[str, object] = {
        "id": "t/d.1",
        "test": "t",
        "distro": "d.1",
        "axes": (),
        "argv": ("sh",),
        "script": "true",
    }
    job = Job(**(known | changed))  # type: ignore[arg-type]
    reasons = {each: (reason, wait_status) for each, reason, wait_status in reversed(_MIXED)}
    reason, wait_status = reasons.get(outcome or Outcome.PASSED, ("", 0))
    if outcome is None:
        return RunRecord(info(), (JobRecord(job),), duration_s=1.0, status="interrupted")
    tried = Outcome.FAILED if outcome is Outcome.FLAKY else outcome
    attempts = [attempt(run_dir, job, 1, tried, reason, wait_status, random.Random(7))]
    (run_dir / attempts[0].log_path).write_bytes(printed)
    attempts[0] = replace(attempts[0], log_bytes=len(printed))
    if outcome is Outcome.FLAKY:
        attempts.append(replace(attempts[0], number=2, outcome=Outcome.PASSED, reason="", wait_status=0))
    status = "infrastructure" if outcome is Outcome.ERROR else "bad" if outcome.bad else "good"
    return RunRecord(info(), (JobRecord(job, tuple(attempts), outcome, reason),), duration_s=1.0, status=status)


def hostile(text: str) -> RunRecord:
    """A job of each outcome and one without, with ``text`` wherever a run holds text that people or tests chose."""
    jobs = []
    for number, outcome in enumerate([*Outcome, None]):
        job = Job(
            f"{text}{number}", text, f"{text}-14.04", ((text, text),), ("sh",), text, ((text, text),), cap_add=(text,)
        )
        failure = Failure(text, text, 28, text) if outcome is Outcome.ERROR else None
        said = 0 if outcome is Outcome.PASSED else 9  # what a good job prints as well is no error
        tried = (
            Attempt(job.id, 1, Outcome.FAILED, 1.0, reason=text, failure=failure, log_path="logs/a", log_bytes=said),
        )
        jobs.append(JobRecord(job, tried, outcome, text))
    known = info(
        name=text, matrix_path=text, hostname=text, host_name=text, kernel=text, warnings=(text,), command_line=(text,)
    )
    return RunRecord(known, tuple(jobs), ((text, text),), 1.0, "bad")


def _record(
    run_dir: Path,
    test: str,
    distro: str,
    axes: tuple[tuple[str, str], ...],
    dice: random.Random,
    bad: int,
    *,
    logged: bool,
) -> JobRecord:
    suffix = "[" + ",".join(f"{name}={value}" for name, value in axes) + "]" if axes else ""
    job = Job(
        id=f"{test}/{distro}{suffix}",
        test=test,
        distro=distro,
        axes=axes,
        argv=("sh", "-e", "-c", "make check"),
        script="cd /src\nmake check OPT=-O2 V=1\n",
        env=(("LANG", "C.UTF-8"), ("CFLAGS", "-O2 -g")),
        timeout_s=60.0,
        limits=Limits(),
        summary=f"what {test} is about",
        cap_add=("NET_RAW",) if dice.random() < 0.01 else (),
    )
    outcome, reason, wait_status = dice.choice(_MIXED) if dice.randrange(bad) == 0 else (Outcome.PASSED, "", 0)
    tried = Outcome.FAILED if outcome is Outcome.FLAKY else outcome
    attempts = [attempt(run_dir, job, 1, tried, reason, wait_status, dice, logged=logged)]
    if outcome is Outcome.FLAKY:
        attempts.append(attempt(run_dir, job, 2, Outcome.PASSED, "", 0, dice, logged=logged))
    return JobRecord(job, tuple(attempts), outcome, reason)


def attempt(
    run_dir: Path,
    job: Job,
    number: int,
    outcome: Outcome,
    reason: str,
    wait_status: int | None,
    dice: random.Random,
    *,
    logged: bool = True,
) -> Attempt:
    """An attempt with usage that fits its outcome, and its log in ``run_dir``."""
    path = f"logs/{safe_name(job.id)}/{number}.log"
    lines = dice.randrange(300) if outcome.bad else 3
    text = "".join(f'\x1b[32m[{n:4d}]\x1b[0m checking <stdio.h> & "friends"… yes\n' for n in range(lines))
    if outcome.bad:
        text += "test_parse.c:214: \x1b[1;31merror\x1b[0m: assertion `tree->left != NULL' failed\nmake: *** [check] Error 2\n"
    if outcome.bad or logged:
        os.makedirs(run_dir / os.path.dirname(path), exist_ok=True)
        (run_dir / path).write_text(text)
    oom = outcome is Outcome.OOM
    limit = job.limits.memory_bytes
    usage = Usage(
        cpu_s=dice.random() * 2,
        memory_peak_bytes=limit if oom else dice.randrange(1 << 20, limit),
        throttled_s=dice.choice((0.0, 0.3)),
        throttled_periods=3,
        oom_kills=2 if oom else 0,
        pids_refused=dice.choice((0, 0, 12)) if outcome.bad else 0,
    )
    error = outcome is Outcome.ERROR
    return Attempt(
        job_id=job.id,
        number=number,
        outcome=outcome,
        started_at=1_767_323_050.0,
        setup_s=0.009,
        duration_s=60.0 if outcome is Outcome.TIMEOUT else dice.random() * 20,
        wait_status=wait_status,
        usage=usage,
        failure=Failure("mount overlay", reason, 28, "free some space below the store") if error else None,
        reason=reason,
        log_path=path,
        log_bytes=len(text.encode()),
        log_truncated=oom,
    )
