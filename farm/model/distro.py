"""A named root filesystem, where it comes from, and what it becomes in the store."""

from __future__ import annotations

from enum import StrEnum

from farm.model.recipe import Recipe
from farm.values import dataclass


class SourceKind(StrEnum):
    """Where a root filesystem comes from."""

    HOST = "host"
    TARBALL = "tarball"
    DIRECTORY = "directory"
    URL = "url"
    REGISTRY = "registry"
    BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True)
class Source:
    """One place a distro's root filesystem can be had from.

    ``path`` is absolute, an address for those of other machines (``farm.model.reference``), and empty for ``host``; of a
    ``recipe``, which only ``bootstrap`` has, it is a phrase for people. ``sha256`` is the hex digest that the file must have,
    or None. ``arch`` is the machine whose programs are wanted of a registry or a bootstrap, empty for this host's own.
    """

    kind: SourceKind
    path: str = ""
    sha256: str | None = None
    recipe: Recipe | None = None
    arch: str = ""


@dataclass(frozen=True, slots=True)
class Distro:
    """A distro as the matrix file or the catalogue defines it.

    ``sources`` are one or more, those before the others that are tried first. ``where`` is ``file:line:column`` for messages,
    ``arch`` the machines its programs can be had for (as ``uname -m`` prints it; empty: not said), ``eol`` the day its makers
    stop to mend it, as ``2028-06-30``, or empty.
    """

    name: str
    sources: tuple[Source, ...]
    tags: tuple[str, ...] = ()
    where: str = ""
    arch: tuple[str, ...] = ()
    eol: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an image says of itself; empty strings where it does not say.

    ``libc`` is ``glibc``, ``musl``, ``uclibc`` or empty; ``arch`` is what ``uname -m`` would print for its programs;
    ``install`` is the non-interactive install command of its package manager. ``init`` is what would be process 1 if it
    were booted: ``systemd``, ``openrc``, ``sysvinit``, ``upstart``, ``busybox``, ``runit``, ``procd`` or ``none``.
    """

    id: str = ""
    version: str = ""
    pretty_name: str = ""
    family: str = ""
    package_manager: str = ""
    libc: str = ""
    libc_version: str = ""
    arch: str = ""
    install: str = ""
    init: str = ""


@dataclass(frozen=True, slots=True)
class Overlay:
    """One overlay mount of a container's root: ``target`` is ``/`` or a folder below it.

    ``lowers`` are absolute host paths of directories, the topmost layer first.
    """

    target: str
    lowers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """An unpacked root filesystem: ``overlays[0]`` is the root, the others are mounted on top in order.

    ``digest`` is 64 hex digits and names the image in the store. ``source`` says where it came from, for reports.
    """

    digest: str
    source: str
    overlays: tuple[Overlay, ...]
    facts: Facts
    size_bytes: int = 0
