"""One cell of the matrix, and the attempts that were made at it."""

from __future__ import annotations

from dataclasses import field

from farm.model.artifact import Artifact
from farm.model.build import Bind, Network
from farm.model.limits import Limits, Usage
from farm.model.mount import Mount
from farm.model.outcome import Outcome
from farm.model.rules import Artifacts, Expect, Retries, Shard
from farm.model.service import Service
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Prepare:
    """How the image of a job's distro becomes the one that the job runs on: a command whose writes are kept.

    ``template`` is its script before the image's facts are known; ``axes`` are those that are named in it, and ``test`` is the
    job's name where that is. Equal values on one distro are one prepared image. ``env`` is sorted by name; ``binds`` are
    read-only. ``where`` is ``file:line:column``, and makes no difference.
    """

    template: str
    shell: tuple[str, ...]
    axes: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    network: Network = Network.NONE
    binds: tuple[Bind, ...] = ()
    timeout_s: float = 1800.0
    limits: Limits = field(default_factory=Limits)
    test: str = ""
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ImageKey:
    """Which image a job runs on: jobs with equal keys share one."""

    distro: str
    prepare: Prepare | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One test on one distro with one value of each axis, ready to run.

    ``id`` is stable for ever: ``unit/ubuntu-14.04[opt=O2]``. ``argv`` is the shell and the script. ``env`` is sorted by
    name and holds what the matrix file says; the engine adds the ``FARM_*`` variables. ``where`` is ``file:line:column``.

    ``secrets`` are names of variables of the farm's own environment that the command gets as well; their values are nowhere
    in here. ``always`` and ``debug`` are scripts for ``shell`` that run in the container after the command: whatever became of
    it, and only where it was bad. ``init`` False makes the command PID 1 itself. ``user`` is a name or ``uid[:gid]`` of the
    image, empty for root; ``working_directory`` is absolute. ``idle_timeout_s`` is 0 for none.

    ``needs`` are ids of jobs that have to be good before. ``max_parallel`` of the test's jobs run at once, of those with one
    ``group`` a single one; 0 and empty for no such bound. ``fail_fast`` cancels the test's other jobs once one is bad.
    The higher ``priority`` goes first.

    ``late`` says that some of ``script``, ``env``, ``always``, ``debug``, ``condition`` and what ``services`` run are
    templates still, for they name facts of an image that is not there yet: ``farm.matrix.late`` makes the job whole.
    ``condition`` is that of ``if``, empty for none. Of a job that is not ``late`` a ``condition`` is the reason why it is
    ``skipped`` and never run, as a sentence for people: what decides it was known when the matrix was expanded.
    """

    id: str
    test: str
    distro: str
    axes: tuple[tuple[str, str], ...]
    argv: tuple[str, ...]
    script: str
    env: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 600.0
    limits: Limits = field(default_factory=Limits)
    tags: tuple[str, ...] = ()
    skip_exit_code: int = 77
    no_new_privs: bool = True
    cap_add: tuple[str, ...] = ()
    summary: str = ""
    where: str = ""
    prepare: Prepare | None = None
    shell: tuple[str, ...] = ("/bin/sh", "-e")
    always: str = ""
    debug: str = ""
    secrets: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    user: str = ""
    working_directory: str = "/"
    hostname: str = ""
    network: Network = Network.NONE
    privileged: bool = False
    init: bool = True
    idle_timeout_s: float = 0.0
    expect: Expect = Expect.PASS
    retries: Retries = field(default_factory=Retries)
    artifacts: Artifacts | None = None
    services: tuple[Service, ...] = ()
    needs: tuple[str, ...] = ()
    shard: Shard | None = None
    priority: int = 0
    max_parallel: int = 0
    fail_fast: bool = False
    group: str = ""
    condition: str = ""
    late: bool = False

    @property
    def image_key(self) -> ImageKey:
        """The image that it runs on."""
        return ImageKey(self.distro, self.prepare)

    @property
    def image_keys(self) -> tuple[ImageKey, ...]:
        """Every image that it waits for, each once: its own, then those of its services."""
        if not self.services:
            return (self.image_key,)
        return tuple(dict.fromkeys((self.image_key, *(ImageKey(service.distro) for service in self.services))))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the farm itself could not run an attempt: the step that failed, its errno (0 where there is none), a remedy."""

    step: str
    message: str
    errno: int = 0
    hint: str = ""

    @property
    def remedy(self) -> str:
        """The hint, where the message does not say it already."""
        return "" if self.hint in self.message else self.hint


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a job in one container, ended.

    Times: ``started_at`` is wall-clock seconds since the epoch, for people; ``setup_s`` (launch to command started) and
    ``duration_s`` (command started to ended) are from a monotonic clock. ``wait_status`` is as waitpid(2) gives it, None
    where the command never ran or its status was lost. ``log_bytes`` counts what was kept; ``log_truncated`` says that
    more came. ``reason`` is the sentence a report shows.

    ``artifacts`` were copied to the folder ``artifacts_path``; ``cases_path`` is the file of the cases in those that are JUnit
    (``farm.report.cases``). Both, like ``log_path``, are relative to the run's folder, and empty where there is none.

    ``image`` is the digest of the image it ran on. ``began_s`` is when it was launched, in seconds (monotonic) after the
    run's beginning, and ``waited_s`` how long the job had been ready by then, its needs met and its image there.
    """

    job_id: str
    number: int
    outcome: Outcome
    started_at: float
    setup_s: float = 0.0
    duration_s: float = 0.0
    wait_status: int | None = None
    usage: Usage = field(default_factory=Usage)
    failure: Failure | None = None
    reason: str = ""
    log_path: str = ""
    log_bytes: int = 0
    log_truncated: bool = False
    artifacts: tuple[Artifact, ...] = ()
    artifacts_path: str = ""
    cases_path: str = ""
    image: str = ""
    began_s: float | None = None
    waited_s: float | None = None
