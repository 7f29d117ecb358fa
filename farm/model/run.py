"""A whole run as its journal tells it and its reports show it."""

from __future__ import annotations

from dataclasses import dataclass

from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome

BUILD_NOTE = "build"
"""The kind of a note of a command that failed to prepare an image."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is known of a run before its first job: who ran what, where.

    ``started_at`` is seconds since the epoch; ``host_name`` is the host's os-release pretty name; ``cgroup``,
    ``user_namespace``, ``seccomp`` and ``warnings`` are the engine's.
    """

    id: str
    name: str
    matrix_path: str
    started_at: float
    farm_version: str
    hostname: str
    kernel: str
    host_name: str
    cpus: int
    memory_bytes: int
    cgroup: str
    user_namespace: bool
    seccomp: bool
    warnings: tuple[str, ...] = ()
    command_line: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with its attempts in order; ``outcome`` is None where the run ended before the job did."""

    job: Job
    attempts: tuple[Attempt, ...] = ()
    outcome: Outcome | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything a run left behind, its jobs in the order of the matrix.

    ``notes`` are (kind, text): a sentence, and perhaps further lines such as those of a log. ``duration_s`` is None and
    ``status`` empty where the run never finished (it was killed).
    """

    info: RunInfo
    jobs: tuple[JobRecord, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    duration_s: float | None = None
    status: str = ""
