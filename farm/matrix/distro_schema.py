"""The closed schema of a distro, inline in a matrix file or in a file of ``distros/``; see ``schema`` for what a model sees.

What stands in a recipe becomes arguments of commands and lines of their files, as root: only what cannot be anything else
than a name or an address gets through.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from farm.matrix import scalars
from farm.matrix.closed import Closed
from farm.matrix.fields import Name, Raw, Sha256, Shaped, Short, Tag, Text
from farm.model.machine import NAMES, OTHER_NAMES
from farm.model.reference import is_loopback

MANAGERS = ("apt", "dnf", "zypper")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_COMPONENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._@:-]{0,127}")
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?)"
    r"(?:/[A-Za-z0-9._~%+:@,=/-]{0,1000})?"
)


def _day(value: object) -> str:
    found = scalars.scalar(value).text
    if _DAY.fullmatch(found):
        try:
            datetime.date.fromisoformat(found)
        except ValueError as error:
            raise scalars.refused(f"there is no day {found!r}: {error}") from None
        return found
    raise scalars.refused(f"not a day: {found!r}", "write it like 2028-06-30")


def _arch(value: object) -> str:
    found = scalars.text(value).text
    if found in NAMES:
        return found
    if found.lower() in OTHER_NAMES:
        raise scalars.refused(f"{found!r} is not what uname -m says", f"did you mean {OTHER_NAMES[found.lower()]!r}?")
    raise scalars.refused(f"no machine is called {found!r}", f"known here: {', '.join(NAMES)}")


def _machines(value: object) -> tuple[str, ...]:
    """One machine, or a list of those that its sources serve."""
    if not isinstance(value, list):
        return (_arch(value),)
    if not value:
        raise scalars.refused("an empty list leaves no machine to run on", "leave the key out for this host's")
    return tuple(dict.fromkeys(map(_arch, value)))


def _manager(value: object) -> str:
    found = scalars.text(value).text
    if found not in MANAGERS:
        raise scalars.refused(f"{found!r} cannot bootstrap", f"known here: {', '.join(MANAGERS)}")
    return found


def _as_written(pattern: re.Pattern[str], called: str, rule: str) -> Callable[[object], str]:
    """Like ``scalars.matching``, but ``release: 9`` and ``release: 15.6`` are the text that they look like."""

    def field(value: object) -> str:
        found = scalars.encodable(value)
        if found.kind == "null" or not pattern.fullmatch(found.text):
            raise scalars.refused(f"{found.text!r} is not {called}", rule)
        return found.text

    return field


def repository(value: object) -> str:
    found = scalars.text(value).text
    if not _ADDRESS.fullmatch(found):
        if "@" in found.partition("://")[2].partition("/")[0]:
            raise scalars.refused("an address shows in reports and must hold no password")
        raise scalars.refused(
            f"{found!r} is not the address of a repository", "write https://host/path, without ? and &"
        )
    return found


def keyring(value: object) -> str:
    found = scalars.text(value).text
    address = _ADDRESS.fullmatch(found)
    if address is not None and address["scheme"] == "http" and not is_loopback(address["host"]):
        raise scalars.refused("a key that comes over http:// may be anybody's", "use https://, or name a package")
    if address is None and not _PACKAGE.fullmatch(found):
        raise scalars.refused(f"{found!r} is no keyring", "name a package, or the address of a key, https://...")
    return found


_TEXT: dict[str, object] = {"type": "string", "pattern": r"\S"}
_MACHINE: dict[str, object] = {"enum": list(NAMES)}
Day: TypeAlias = Annotated[
    str, BeforeValidator(_day), WithJsonSchema({"type": "string", "pattern": f"^{_DAY.pattern}$|^$"})
]
Arch: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_machines),
    WithJsonSchema({"anyOf": [_MACHINE, {"type": "array", "items": _MACHINE, "minItems": 1}]}),
]
Manager: TypeAlias = Annotated[str, BeforeValidator(_manager), WithJsonSchema({"enum": list(MANAGERS)})]
Release: TypeAlias = Annotated[
    str,
    BeforeValidator(_as_written(_WORD, "a release", "use letters, digits, '.', '_' and '-', at most 64")),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_WORD.pattern}$"}]}),
]
Component: TypeAlias = Annotated[
    str,
    BeforeValidator(_as_written(_COMPONENT, "a component", "use letters, digits, '.', '_', '-' and '/', at most 64")),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_COMPONENT.pattern}$"}]}),
]
Package: TypeAlias = Annotated[
    str,
    BeforeValidator(scalars.matching(_PACKAGE, "a package", "use letters, digits and any of + . _ @ : -, at most 128")),
    WithJsonSchema({"type": "string", "pattern": f"^{_PACKAGE.pattern}$"}),
]
Repository: TypeAlias = Annotated[
    str, BeforeValidator(repository), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
Keyring: TypeAlias = Annotated[str, BeforeValidator(keyring), WithJsonSchema(_TEXT)]


class RecipeEntry(Closed):
    """Made of packages by the distribution's own tool."""

    manager: Manager = Field(description="Who makes it.")
    release: Release = Field(description="Its suite, or release version.")
    repositories: list[Repository] = Field(description="Addresses, the main one first.")
    components: list[Component] = Field(default_factory=list, description="Those of apt's repositories; [main].")
    keyring: Keyring = Field(
        default="", description="apt: a package that holds the keys; others: the address of a key."
    )
    packages: list[Package] = Field(
        default_factory=list, description="What it is made of; with apt, what it has besides."
    )


class SourceEntry(Closed):
    """One place to have a root filesystem from."""

    NEEDED = frozenset({"rootfs", "sha256", "bootstrap"})

    rootfs: Text | None = Field(default=None, description="A tarball, a directory, an address, or host.")
    sha256: Sha256 | None = Field(default=None, description="That of the tarball.")
    bootstrap: RecipeEntry | None = Field(default=None, description="In place of rootfs: made of packages.")


class DistroEntry(Closed):
    """A distro defined inline or in a catalogue file."""

    NEEDED = frozenset({"name", "rootfs", "sources"})

    name: Name = Field(description="What jobs call it.")
    rootfs: Text | None = Field(default=None, description="A tarball, a directory, an address, or host.")
    sha256: Sha256 | None = Field(default=None, description="That of the tarball.")
    sources: Annotated[list[Raw], Shaped(list[Annotated[SourceEntry, Short(_TEXT)]])] | None = Field(
        default=None, description="In place of rootfs: several places, tried in turn."
    )
    arch: Arch = Field(default=(), description="The machine its programs are for, or those it can be had for.")
    tags: list[Tag] = Field(default_factory=list, description="Words that templates can use, as distro.tags.")
    eol: Day = Field(default="", description="The day its makers stop to mend it, like 2028-06-30.")


class CatalogueFile(Closed):
    """One file of distros/."""

    distros: list[Raw]
