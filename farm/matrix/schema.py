"""The closed schema of a matrix file and of a lock file, as pydantic models over the tree's scalars.

What several places of a file may say is declared once, in ``Settings``: ``defaults``, jobs and the entries of ``include``
are made of it, and ``cascade`` lays them over each other. ``assemble`` finds what is wrong between fields. Parts that are
checked one by one, so that an error in one hides none in another, are ``Raw``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, WithJsonSchema

from farm.matrix import fields, scalars
from farm.matrix.closed import Closed
from farm.matrix.distro_schema import DistroEntry
from farm.matrix.fields import (
    AnyNetwork,
    AsWritten,
    Boolean,
    BuildNetwork,
    Capability,
    Condition,
    Count,
    Cpus,
    Duration,
    Environment,
    ExitCode,
    Expected,
    Init,
    IoWeight,
    Line,
    Mode,
    OptionalDuration,
    OptionalText,
    Pids,
    Priority,
    Raw,
    Retried,
    Secret,
    Sha256,
    Shaped,
    Shards,
    Short,
    Size,
    Swap,
    Tag,
    Text,
    Tries,
    User,
    Whenever,
    Words,
)  # fmt: skip

HOST_DIGEST = "host"
"""In the place of a digest in a lock file."""
_STRING: dict[str, object] = {"type": "string"}


def _said(description: str, **more: Any) -> Any:
    """A field that may be left out."""
    return Field(default=None, description=description, **more)


class Resources(Closed):
    """What a container may use."""

    cpus: Cpus | None = _said("Cores' worth of time; 0.5 is half of one.")
    memory: Size | None = _said("Memory and scratch space together.")
    pids: Pids | None = _said("Processes and threads.")
    disk: Size | None = _said("Scratch space on disk of this size instead of in memory.")
    io_weight: IoWeight | None = _said("100 is a fair share.")
    swap: Swap | None = _said("Swap beyond memory.")


class PrepareMount(Closed):
    """A read-only file or folder of this host."""

    source: Text = Field(description="A path, relative to this file.")
    target: Text = Field(description="An absolute path in the container.")


class PrepareEntry(Closed):
    """A command that makes the image of a distro into the one that jobs run on."""

    run: OptionalText = Field(description="A script; a template that knows the facts of the image. Empty: no prepare.")
    shell: Words | None = _said("The program and options that get -c and the script; that of the job.")
    env: Environment | None = _said("Variables; values are templates.")
    network: BuildNetwork | None = _said("host: it reaches whatever this host reaches.")
    mounts: list[PrepareMount] | None = _said("Files and folders of this host that it sees.")
    timeout: Duration | None = _said("30m.")
    resources: Resources | None = _said("Quotas, without disk.")


class MountEntry(Closed):
    """A file or folder of this host in the container."""

    source: Text = Field(description="A path, relative to this file; a template.")
    target: Text = Field(description="An absolute path in the container; a template.")
    mode: Mode | None = _said("ro: writes are refused; rw: made on the host; overlay: thrown away. ro.")


class RetriesEntry(Closed):
    """When there is another attempt."""

    max: Tries = Field(description="So many further attempts at most.")
    when: Annotated[list[Retried], fields.ONE_OR_MANY, Short(_STRING)] | None = _said("After these outcomes.")
    exit_codes: Annotated[list[ExitCode], fields.ONE_OR_MANY, Short({"type": "integer"})] | None = _said(
        "After these exit codes; without when, after no others."
    )


class ArtifactsEntry(Closed):
    """What is copied out of the container."""

    paths: list[Text] = Field(description="Patterns inside with * ? [] **, relative to working-directory.")
    when: Whenever | None = _said("After which jobs; always.")
    max_size: Size | None = _said("All of an attempt together; 50M.")
    junit: OptionalText | None = _said("A pattern over what was copied: its files are read as JUnit.")


class HealthcheckEntry(Closed):
    """When a service is ready."""

    run: Text = Field(description="A script that exits with 0 once the service is healthy; a template.")
    interval: Duration | None = _said("Between two tries; 1s.")
    retries: Count | None = _said("So many tries; 30.")
    timeout: Duration | None = _said("For each try; 10s.")


class ServiceEntry(Closed):
    """A further container in the network of the job."""

    distro: Text | None = _said("The name of a distro.")
    rootfs: Text | None = _said("A root filesystem in place of distro, as in distros.")
    sha256: Sha256 | None = _said("That of a tarball.")
    run: Text = Field(description="A script; a template.")
    shell: Words | None = _said("The program and options that get -c and the script; sh -e.")
    env: Environment | None = _said("Its variables, and no others; values are templates.")
    resources: Resources | None = _said("Its own quotas.")
    healthcheck: Annotated[HealthcheckEntry, fields.SCRIPT, Short(_STRING)] | None = _said(
        "The job starts when this is well; without it, when the service has started."
    )


class NeedEntry(BaseModel):
    """Jobs that have to be good before: those of ``job`` that agree in the distro and in all axes that both have."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, AsWritten]
    job: Text = Field(description="The name of a job.")
    distro: Text | None = _said("Another distro than the same one; a name or a glob.")


class GroupEntry(Closed):
    """Of the jobs of one group a single one runs at a time."""

    group: OptionalText = Field(description="Its name; a template.")


class Pace(Closed):
    """How the jobs of one test run together."""

    fail_fast: Boolean | None = _said("Cancel the other jobs of the test once one is bad.")
    max_parallel: Count | None = _said("So many jobs of the test at once.")


class Settings(Closed):
    """What ``defaults``, jobs and the entries of ``include`` may say."""

    shell: Words | None = _said("The program and options that get -c and the script; sh -e.")
    env: Environment | None = _said("Variables; values are templates. Added to those of below.")
    env_file: Annotated[list[Text], fields.ONE_OR_MANY, Short(_STRING)] | None = _said(
        "Files of lines KEY=VALUE, relative to this file; env goes before them."
    )
    secrets: list[Secret] | None = _said(
        "Names of variables of this host that the job gets; their values show nowhere."
    )
    timeout: Duration | None = _said("The job is stopped after this long; 10m.")
    idle_timeout: OptionalDuration | None = _said("The job is stopped when it printed nothing for this long; 0: never.")
    resources: Resources | None = _said("Quotas of the container, each on its own.")
    prepare: Annotated[PrepareEntry, fields.SCRIPT, Short(_STRING)] | None = _said(
        "What has to be installed first, once for an image."
    )
    mounts: list[MountEntry] | None = _said("Files and folders of this host.")
    user: User | None = _said("A name of the image, or uid or uid:gid; root.")
    working_directory: OptionalText | None = _said("An absolute path; /. A template.")
    hostname: OptionalText | None = _said("Of the container. A template.")
    network: AnyNetwork | None = _said(
        "none: loopback only; isolated: out through the host; host: the host's own. none."
    )
    privileged: Boolean | None = _said("Every capability, and no filter of system calls; shown in the report.")
    cap_add: list[Capability] | None = _said("Capabilities beyond the usual ones; shown in the report.")
    no_new_privs: Boolean | None = _said("false: programs may gain privileges by setuid; shown in the report.")
    init: Init | None = _said("none: the command is process 1 of the container itself. farm.")
    always: OptionalText | None = _said("A script that runs after the command, whatever became of it; a template.")
    debug: OptionalText | None = _said("A script that runs after a command that was bad; a template.")
    expect: Expected | None = _said("What is good: pass, fail or any.")
    skip_exit_code: ExitCode | None = _said("A script that exits with this is skipped; 77.")
    retries: Annotated[RetriesEntry, BeforeValidator(fields.short_for("max")), Short({"type": "integer"})] | None = (
        _said("Further attempts, each in a fresh container.")
    )
    artifacts: (
        Annotated[
            ArtifactsEntry,
            BeforeValidator(fields.short_for("paths", of_lists=True)),
            Short(_STRING, {"type": "array", "items": _STRING}),
        ]
        | None
    ) = _said("What is copied out of the container.")
    services: dict[fields.KeyName, ServiceEntry] | None = _said("Further containers in the job's network.")
    tags: list[Tag] | None = _said("Words to select jobs by. Added to those of below.")
    priority: Priority | None = _said("The higher goes first; 0.")
    concurrency: Annotated[GroupEntry, BeforeValidator(fields.short_for("group")), Short(_STRING)] | None = _said(
        "Of all jobs of this group one runs at a time."
    )


class Defaults(Settings):
    """Below every job."""

    NEEDED = frozenset({"env", "env-file"})

    strategy: Pace | None = _said("How the jobs of each test run together.")


class CellEntry(Settings):
    """What a job and an entry of its ``include`` may say."""

    run: Text | None = _said("A script, at most 128 KiB; a template.")
    summary: OptionalText | None = _said("One sentence for reports; a template.")
    condition: Condition | None = _said("An expression; the job is skipped where it is false.", alias="if")
    needs: (
        Annotated[
            list[Annotated[NeedEntry, BeforeValidator(fields.short_for("job")), Short(_STRING)]],
            fields.ONE_OR_MANY,
            Short(_STRING),
        ]
        | None
    ) = _said("Jobs that have to be good before.")
    shards: Shards | None = _said("So many jobs, each of which does its part.")


class IncludeEntry(CellEntry):
    """Values of axes, which is what any other key is, and what the jobs that have them say in place of the test."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, AsWritten]
    distro: Text | None = _said("On which distros: a name or a glob.")


class Axes(BaseModel):
    """Any name is an axis with its values, but exclude and include."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, list[AsWritten]]
    exclude: list[dict[str, AsWritten]] = Field(default_factory=list, description="Cells that are left out.")
    include: list[Annotated[dict[str, Raw], Shaped(IncludeEntry)]] = Field(
        default_factory=list, description="Cells that are added, or changed."
    )


class Strategy(Pace):
    """The matrix of a job, and how its jobs run together."""

    matrix: Axes | None = _said("Axes and their values.")


class JobEntry(CellEntry):
    """A test: one job on each distro with each combination of its axes."""

    NEEDED = frozenset({"run", "env", "env-file", "strategy", "distros"})

    run: Text = Field(description="A script, at most 128 KiB; a template.")
    distros: list[Text] | None = _said("Names and globs, out of the file's distros.")
    strategy: Strategy | None = _said("Axes, and how the jobs run together.")


class Variables(RootModel[Environment]):
    """The file's own ``env``."""

    NEEDED: ClassVar[frozenset[str]] = frozenset()


class MatrixFile(Closed):
    """A matrix of tests over distributions."""

    version: Annotated[int, BeforeValidator(fields.version), WithJsonSchema({"const": 1})]
    name: Line | None = _said("Shown in reports; the name of the file.")
    distros: Annotated[list[Raw], Shaped(list[Annotated[DistroEntry, Short(_STRING)]])] = Field(
        description="Names, globs over names, and definitions."
    )
    defaults: Annotated[dict[str, Raw], Shaped(Defaults)] = Field(
        default_factory=dict, description="What every job says that does not say otherwise."
    )
    env: Annotated[dict[str, Raw], Shaped(Variables)] = Field(
        default_factory=dict, description="Variables of every job; values are templates."
    )
    jobs: Annotated[dict[str, Raw], Shaped(dict[fields.KeyName, JobEntry])] = Field(
        description="The tests by their names."
    )


def _lock_digest(value: object) -> str:
    return HOST_DIGEST if scalars.text(value).text == HOST_DIGEST else fields.sha256(value)


LockDigest: TypeAlias = Annotated[str, BeforeValidator(_lock_digest)]


class LockEntry(Closed):
    """One distro of a lock file."""

    digest: LockDigest
    source: AsWritten


class LockFile(Closed):
    """A lock file."""

    version: Annotated[int, BeforeValidator(fields.version)]
    distros: dict[str, LockEntry]
