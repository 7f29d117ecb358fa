"""A whole run as its journal tells it and its reports show it."""

from __future__ import annotations

from dataclasses import field

from farm.model.distro import Facts
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.rules import Shard
from farm.values import dataclass

BUILD_NOTE = "build"
"""The kind of a note of a command that failed to prepare an image."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line asks of a run beside its matrix file: recorded, so that it can be gone on with or made again.

    Which jobs: those that fit ``keyword``, ``distros`` and ``tags``, and are among the ids ``jobs`` where there are any;
    ``last_failed`` only those; of these the part ``shard`` of several hosts, each ``repeat`` times. How: ``slots`` is ``-j``,
    factors None are the usual ones, ``reserve_cpus`` and ``reserve_memory_bytes`` are the host's own; ``retries`` None is what
    the file says, 0 of ``max_fail`` no bound; ``seed`` None is no shuffling. ``catalogue`` are further folders of distros.
    ``baseline`` is the run that the report compares with, None for the one before; ``junit_dialect`` is that of ``junit.xml``.
    """

    keyword: str | None = None
    distros: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    last_failed: bool = False
    failed_first: bool = False
    shard: Shard | None = None
    repeat: int = 1
    slots: int | None = None
    cpu_overcommit: float | None = None
    memory_overcommit: float | None = None
    reserve_cpus: float = 0.0
    reserve_memory_bytes: int = 0
    retries: int | None = None
    max_fail: int = 0
    deadline_s: float | None = None
    seed: int | None = None
    fail_on_flaky: bool = False
    locked: bool = False
    catalogue: tuple[str, ...] = ()
    baseline: str | None = None
    junit_dialect: str = "jenkins"


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
    asked: Asked = field(default_factory=Asked)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with its attempts in order; ``outcome`` is None where the run ended before the job did."""

    job: Job
    attempts: tuple[Attempt, ...] = ()
    outcome: Outcome | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UsedImage:
    """An image that attempts of a run were made on; ``Attempt.image`` is its ``digest``, 64 hex digits.

    ``source`` says where it came from, for people; ``prepared`` is what a prepared one is called, empty for a plain one.
    """

    digest: str
    distro: str
    source: str
    facts: Facts
    prepared: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The host at one moment of a run, ``at_s`` seconds (monotonic) after its beginning.

    ``cpu`` is the part of all its processors that was busy since the sample before, 0 to 1; ``memory_bytes`` is what was
    in use; ``running`` jobs were under way, ``waiting`` ones were ready and had no room.
    """

    at_s: float
    cpu: float
    memory_bytes: int
    running: int = 0
    waiting: int = 0


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
    images: tuple[UsedImage, ...] = ()
    samples: tuple[Sample, ...] = ()
