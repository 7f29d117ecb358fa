"""Where a file says that a distro's root filesystem comes from: ``rootfs``, or the items of ``sources`` in their order."""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from farm.matrix.check import check, key_place
from farm.matrix.distro_schema import MANAGERS, DistroEntry, RecipeEntry, SourceEntry, keyring, repository
from farm.matrix.problems import Problem
from farm.matrix.scalars import text
from farm.matrix.source import Place, SourceText
from farm.matrix.tree import MappingNode, Node, Scalar, SequenceNode
from farm.model.distro import Source, SourceKind
from farm.model.recipe import Recipe
from farm.model.reference import HOST, is_loopback, remote
from farm.values import dataclass

_KEYRINGS = ("the address of a key", "a package that holds the keys")
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst")


@dataclass(frozen=True, slots=True)
class Origin:
    """One place to have it from, as written: a reference with its digest, or a recipe. Nothing was looked for yet."""

    place: Place
    reference: str = ""
    sha256: str | None = None
    recipe: Recipe | None = None


def origins(source: SourceText, node: MappingNode, entry: DistroEntry, problems: list[Problem]) -> tuple[Origin, ...]:
    """Those of the distro ``entry``, which stands at ``node``; where that is none, ``problems`` say why."""
    if entry.sources is None:
        if entry.rootfs is None:
            message = "a distro has no key 'rootfs', and needs one"
            problems.append(source.problem(node.place, message, "or sources: a list of them in order of preference"))
            return ()
        return (Origin(entry.rootfs.place, entry.rootfs.text, entry.sha256),)
    for name in ("rootfs", "sha256"):
        if name in node.values:
            message = f"a distro with sources has no {name!r} of its own"
            problems.append(source.problem(key_place(node, (name,)), message, f"put it into the list: {{{name}: ...}}"))
    items = node.values["sources"]
    if not isinstance(items, SequenceNode) or not items.items:
        problems.append(source.problem(items.place, "an empty list leaves nothing to make it from"))
        return ()
    before = len(problems)
    found = tuple(_item(source, item, problems) for item in items.items)
    return tuple(each for each in found if each is not None) if len(problems) == before else ()


def located(origin: Origin, file: str, arch: str) -> Source | tuple[str, str]:
    """Where the root filesystem is, or message and remedy. A path that leads to nothing is a tarball: see ``absent``."""
    if origin.recipe is not None:
        called = f"bootstrap of {origin.recipe.release} from {origin.recipe.repositories[0]}"
        return Source(SourceKind.BOOTSTRAP, called, recipe=origin.recipe, arch=arch)
    written, sha256 = origin.reference, origin.sha256
    if written == HOST:
        if sha256 is not None:
            return "the host's own root filesystem has no sha256", "remove sha256"
        return Source(SourceKind.HOST)
    elsewhere = remote(written, sha256)
    if elsewhere is not None:
        return _for(arch, elsewhere) if isinstance(elsewhere, Source) else (elsewhere, "")
    path = os.path.abspath(os.path.join(os.path.dirname(file), written))
    if os.path.realpath(path) == "/":
        return f"{written!r} is this host's own root", "write rootfs: host, which shows what of it may be shown"
    if os.path.isdir(path):
        if sha256 is not None:
            return "a directory has no sha256", "remove sha256, or name a tarball"
        return Source(SourceKind.DIRECTORY, path)
    if os.path.exists(path) and not (os.path.isfile(path) and path.lower().endswith(ARCHIVES)):
        return f"{written!r} is not a root filesystem", f"give a directory, or a tarball named {' '.join(ARCHIVES)}"
    return Source(SourceKind.TARBALL, path, sha256)


def absent(origin: Origin, source: Source) -> tuple[str, str] | None:
    """Message and remedy where ``source`` is a path that leads to nothing; it could only fail."""
    if source.kind is not SourceKind.TARBALL or os.path.exists(source.path):
        return None
    remedy = f"paths are relative to the file they are in: looked for {source.path}"
    return f"no file or directory {origin.reference!r}", remedy


def _for(arch: str, source: Source) -> Source:
    return Source(source.kind, source.path, arch=arch) if source.kind is SourceKind.REGISTRY else source


def _item(source: SourceText, node: Node, problems: list[Problem]) -> Origin | None:
    """One item of ``sources``."""
    if isinstance(node, Scalar):
        try:
            return Origin(node.place, text(node).text)
        except PydanticCustomError as error:
            message, _, remedy = error.message().partition("\n")
            problems.append(source.problem(node.place, message, remedy))
            return None
    before = len(problems)
    entry = check(source, node, SourceEntry, "a source", problems)
    if isinstance(node, MappingNode) and isinstance(recipe := node.values.get("bootstrap"), MappingNode):
        _check_together(source, recipe, problems)
    if entry is None or not isinstance(node, MappingNode):
        return None
    if (entry.rootfs is None) == (entry.bootstrap is None):
        message = "a source has a rootfs or a bootstrap, one of them"
        problems.append(source.problem(node.place, message, "write one item for each"))
        return None
    if entry.bootstrap is None:
        assert entry.rootfs is not None
        return Origin(entry.rootfs.place, entry.rootfs.text, entry.sha256)
    if entry.sha256 is not None:
        problems.append(source.problem(key_place(node, ("sha256",)), "a bootstrap has no sha256", "remove sha256"))
    if len(problems) > before:
        return None
    return Origin(node.place, recipe=_recipe(entry.bootstrap))


def _recipe(entry: RecipeEntry) -> Recipe:
    components = tuple(entry.components) or (("main",) if entry.manager == "apt" else ())
    lists = (tuple(entry.repositories), components, entry.keyring, tuple(entry.packages))
    return Recipe(entry.manager, entry.release, *lists)


def _check_together(source: SourceText, node: MappingNode, problems: list[Problem]) -> None:
    """What is wrong between the fields of the recipe ``node``, each at its key; also where one of them is wrong by itself."""

    def report(place: Place, message: str, remedy: str = "") -> None:
        problems.append(source.problem(place, message, remedy))

    values = node.values
    given = values.get("manager")
    manager = given.text if isinstance(given, Scalar) and given.text in MANAGERS else ""
    repositories, packages = _items(values.get("repositories")), _items(values.get("packages"))
    if repositories == ():
        report(values["repositories"].place, "an empty list of repositories has no packages")
    if given is not None and manager not in ("", "apt"):
        if _items(values.get("components")):
            remedy = f"{manager} has none: name each repository"
            report(key_place(node, ("components",)), "components are those of apt's repositories", remedy)
        if not packages and (packages == () or "packages" not in values):
            message = f"{manager} makes a system of the packages it is told, and there are none"
            report(values.get("packages", given).place, message, "name at least packages: [bash]")
    if "keyring" not in values:
        for each in filter(_is_open, repositories or ()):
            message = "what comes over http:// may be anything without a key to check it by"
            report(each.place, message, "name the keyring, or use https://")
        return
    written = values["keyring"]
    address = _valid(keyring, written)
    if manager and address and (manager == "apt") == ("://" in address):
        report(written.place, f"the keyring of {manager} is {_KEYRINGS[manager == 'apt']}, not {address!r}")


def _items(node: Node | None) -> tuple[Node, ...] | None:
    """Those of a list; None where there is none."""
    return tuple(node.items) if isinstance(node, SequenceNode) else None


def _valid(field: Callable[[object], str], node: Node) -> str:
    """What ``field`` makes of ``node``; empty where it refuses it, which ``check`` says."""
    try:
        return field(node) if isinstance(node, Scalar) else ""
    except PydanticCustomError:
        return ""


def _is_open(node: Node) -> bool:
    parts = urlsplit(_valid(repository, node))
    return parts.scheme == "http" and not is_loopback(parts.netloc)
