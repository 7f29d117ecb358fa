"""The closed schema of a matrix file and of a lock file, as pydantic models over the tree's scalars.

A model sees mappings as ``dict``, lists as ``list`` and every value as a ``tree.Scalar``; the annotated types below
turn those into what the field holds. Whatever can be wrong on its own is found here; ``assemble`` and ``origin``
find what is wrong between fields. Parts checked one by one, so that an error in one hides none in another, are ``Raw``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, RootModel

from farm.kernel.capability import NAMES as CAPABILITIES
from farm.matrix import scalars
from farm.matrix.tree import Scalar
from farm.model.build import Network

Raw: TypeAlias = Annotated[Any, Field()]
Text: TypeAlias = Annotated[InstanceOf[Scalar], BeforeValidator(scalars.text)]
AsWritten: TypeAlias = Annotated[InstanceOf[Scalar], BeforeValidator(scalars.encodable)]
Line: TypeAlias = Annotated[str, BeforeValidator(scalars.line)]
Duration: TypeAlias = Annotated[float, BeforeValidator(scalars.duration_s)]
Size: TypeAlias = Annotated[int, BeforeValidator(scalars.size_bytes)]
Swap: TypeAlias = Annotated[int, BeforeValidator(scalars.swap_bytes)]
Cpus: TypeAlias = Annotated[float, BeforeValidator(scalars.cpus)]
Boolean: TypeAlias = Annotated[bool, BeforeValidator(scalars.boolean)]
Pids: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(1, 4_194_304))]
IoWeight: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(1, 10_000))]
ExitCode: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(1, 255))]

HOST_DIGEST = "host"
"""In the place of a digest in a lock file."""
NAME_RULE = "use lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64"
Name: TypeAlias = Annotated[str, BeforeValidator(scalars.matching(scalars.NAME, "a name", NAME_RULE))]
Tag: TypeAlias = Annotated[
    str, BeforeValidator(scalars.matching(scalars.TAG, "a tag", "use letters, digits, '.', '_' and '-', at most 64"))
]


def _sha256(value: object) -> str:
    found = scalars.text(value).text
    if len(found) != 64 or not set(found.lower()) <= set("0123456789abcdef"):
        raise scalars.refused(f"not a sha256: {len(found)} characters", "it is 64 hex digits, as sha256sum prints")
    return found.lower()


def _lock_digest(value: object) -> str:
    return HOST_DIGEST if scalars.text(value).text == HOST_DIGEST else _sha256(value)


def _capability(value: object) -> str:
    found = scalars.text(value).text
    bare = found.upper().removeprefix("CAP_")
    if bare not in CAPABILITIES:
        raise scalars.refused(f"no capability is called {found!r}", "names are those of capabilities(7), like NET_RAW")
    return bare


def _version(value: object) -> int:
    found = scalars.scalar(value)
    if found.kind != "int" or found.text != "1":
        raise scalars.refused(f"version {found.text!r} is not known", "this farm reads version: 1")
    return 1


LockDigest: TypeAlias = Annotated[str, BeforeValidator(_lock_digest)]
Sha256: TypeAlias = Annotated[str, BeforeValidator(_sha256)]
Capability: TypeAlias = Annotated[str, BeforeValidator(_capability)]
Environment: TypeAlias = dict[str, AsWritten]


class Closed(BaseModel):
    """A mapping of known keys; ``-`` in the file is ``_`` here."""

    NEEDED: ClassVar[frozenset[str]] = frozenset()
    """Keys without a sound value for which there is no use in looking at the rest."""
    APART: ClassVar[bool] = False
    """Whether each key stands for itself: one that is wrong goes, and the others stay for later checks."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))


class Resources(Closed):
    """``resources``: what a container may use."""

    APART = True

    cpus: Cpus | None = None
    memory: Size | None = None
    pids: Pids | None = None
    disk: Size | None = None
    io_weight: IoWeight | None = None
    swap: Swap | None = None


def _network(value: object) -> Network:
    found = scalars.text(value)
    if found.text == "isolated":
        raise scalars.refused("the network 'isolated' is not supported yet", "write none or host")
    try:
        return Network(found.text)  # isolated is refused above
    except ValueError:
        raise scalars.refused(f"no network is called {found.text!r}", "write none or host") from None


def _prepare(value: object) -> object:
    """A script alone is short for a mapping with nothing else."""
    if isinstance(value, list):
        raise scalars.refused("a script is wanted here, or a mapping with run, not a list")
    return {"run": scalars.text(value)} if isinstance(value, Scalar) else value


class PrepareMount(Closed):
    """One of the ``mounts`` of ``prepare``."""

    source: Text
    target: Text


class PrepareEntry(Closed):
    """``prepare``."""

    run: Text
    shell: Text | None = None
    env: Environment = Field(default_factory=dict)
    network: Annotated[Network, BeforeValidator(_network)] = Network.NONE
    mounts: list[PrepareMount] = Field(default_factory=list)
    timeout: Duration | None = None
    resources: Resources = Field(default_factory=Resources)


Prepare: TypeAlias = Annotated[PrepareEntry, BeforeValidator(_prepare)]


class Defaults(Closed):
    """``defaults``, below every job."""

    NEEDED = frozenset({"env"})

    timeout: Duration | None = None
    resources: Resources = Field(default_factory=Resources)
    shell: Text | None = None
    env: Environment = Field(default_factory=dict)
    prepare: Prepare | None = None


class Variables(RootModel[Environment]):
    """The file's own ``env``."""

    NEEDED: ClassVar[frozenset[str]] = frozenset()


class Axes(BaseModel):
    """``strategy.matrix``: any name is an axis with its values, but ``exclude`` and ``include``."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, list[AsWritten]]
    exclude: list[dict[str, AsWritten]] = Field(default_factory=list)
    include: list[dict[str, AsWritten]] = Field(default_factory=list)


class Strategy(Closed):
    """``strategy``."""

    matrix: Axes


class JobEntry(Closed):
    """One value of ``jobs``."""

    NEEDED = frozenset({"run", "env", "strategy", "distros"})

    run: Text
    summary: Text | None = None
    shell: Text | None = None
    env: Environment = Field(default_factory=dict)
    timeout: Duration | None = None
    resources: Resources = Field(default_factory=Resources)
    distros: list[Text] | None = None
    tags: list[Tag] = Field(default_factory=list)
    skip_exit_code: ExitCode = 77
    strategy: Strategy | None = None
    no_new_privs: Boolean = True
    cap_add: list[Capability] = Field(default_factory=list)
    prepare: Prepare | None = None


class MatrixFile(Closed):
    """The whole file; its parts are checked one by one."""

    version: Annotated[int, BeforeValidator(_version)]
    name: Line | None = None
    distros: list[Raw]
    defaults: dict[str, Raw] = Field(default_factory=dict)
    env: dict[str, Raw] = Field(default_factory=dict)
    jobs: dict[str, Raw]


class LockEntry(Closed):
    """One distro of a lock file."""

    digest: LockDigest
    source: AsWritten


class LockFile(Closed):
    """A lock file."""

    version: Annotated[int, BeforeValidator(_version)]
    distros: dict[str, LockEntry]


LATER = frozenset(
    {
        "if", "needs", "mounts", "always", "debug", "working-directory", "user", "idle-timeout", "retries",
        "expect", "network", "hostname", "privileged", "init", "shards", "artifacts", "priority", "fail-fast",
        "max-parallel",
    }
)  # fmt: skip
"""Keys of the full design that this version does not know yet."""
