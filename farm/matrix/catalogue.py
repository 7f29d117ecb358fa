"""Distros by name: the built-in ``host``, those of catalogue folders, and those a matrix file defines itself.

A catalogue folder holds one YAML file a distribution family; the first folder that defines a name wins, the folder
beside the matrix file before the others, and any of them before the built-in. Paths are relative to the file they are
written in::

    distros/
      host.yaml         distros: [{name: host, rootfs: host, tags: [host]}]
      ubuntu.yaml       distros: [{name: ubuntu-14.04, rootfs: ubuntu-14.04.tar.xz, sha256: ..., tags: [old]}]
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from farm.matrix import schema
from farm.matrix.check import check, nearest
from farm.matrix.problems import MatrixError, Problem
from farm.matrix.source import SourceText, read_source
from farm.matrix.tree import MappingNode, Node, Scalar, SequenceNode, compose
from farm.model.distro import Distro, Source, SourceKind

HOST = "host"
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst")
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A distro that a file defines, not yet looked for on the disk."""

    source: SourceText
    node: MappingNode
    model: schema.DistroEntry


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every distro that a matrix file can name without defining it."""

    entries: dict[str, _Entry]

    def names(self) -> list[str]:
        return sorted({HOST, *self.entries})

    def resolve(self, name: str, problems: list[Problem]) -> Distro | None:
        """The distro called ``name``, or None and a problem where its files are missing."""
        entry = self.entries.get(name)
        return _located(entry, problems) if entry else Distro(HOST, Source(SourceKind.HOST), (HOST,), "built in")


def read_catalogue(folders: Iterable[str], problems: list[Problem]) -> Catalogue:
    """What the ``*.yaml`` files of ``folders`` define; a folder that is not there is a problem."""
    entries: dict[str, _Entry] = {}
    for folder in folders:
        try:
            files = sorted(name for name in os.listdir(folder) if name.endswith(".yaml") and not name.startswith("."))
        except OSError as error:
            problems.append(Problem(folder, 0, 0, f"cannot read this folder of distros: {error.strerror}"))
            continue
        inner: dict[str, _Entry] = {}
        for file in files:
            _read_file(os.path.join(folder, file), inner, problems)
        entries = inner | entries
    return Catalogue(entries)


def select_distros(
    source: SourceText, items: SequenceNode, catalogue: Catalogue, problems: list[Problem]
) -> tuple[Distro, ...]:
    """The distros that the ``distros`` of a matrix file name, match or define, in its order, each once."""
    inline: dict[str, _Entry] = {}
    for node in items.items:
        if isinstance(node, MappingNode) and (entry := _entry(source, node, problems)):
            if entry.model.name in inline:
                place = node.values["name"].place
                problems.append(source.problem(place, f"the distro {entry.model.name!r} is defined a second time"))
            inline[entry.model.name] = entry
    known = Catalogue(catalogue.entries | inline)
    chosen: dict[str, Distro | None] = {}
    for node in items.items:
        for name in _names(source, node, known, problems):
            if name not in chosen:
                chosen[name] = known.resolve(name, problems)
    return tuple(distro for distro in chosen.values() if distro is not None)


def match_names(pattern: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that ``pattern``, a name or a glob, stands for."""
    if _GLOB.isdisjoint(pattern):
        return [name for name in names if name == pattern]
    return [name for name in names if fnmatchcase(name, pattern)]


def unmatched(pattern: str, names: Iterable[str], called: str = "distro") -> tuple[str, str]:
    """Message and remedy for a pattern that stands for nothing."""
    if _GLOB.isdisjoint(pattern):
        return f"no {called} is called {pattern!r}", nearest(pattern, names)
    return f"no {called} matches {pattern!r}", f"known here: {', '.join(list(names)[:40])}"


def _names(source: SourceText, node: Node, known: Catalogue, problems: list[Problem]) -> list[str]:
    """The names that one item of ``distros`` stands for."""
    if isinstance(node, MappingNode):
        name = node.values.get("name")
        return [name.text] if isinstance(name, Scalar) and name.text in known.entries else []
    if not isinstance(node, Scalar):
        problems.append(source.problem(node.place, "a distro is a name, a glob or a mapping, not a list"))
        return []
    if node.kind != "str" or not node.text:
        remedy = f'write it in quotes: "{node.text}"' if node.text else ""
        problems.append(
            source.problem(node.place, f"a distro is a name, a glob or a mapping, not {node.text!r}", remedy)
        )
        return []
    found = match_names(node.text, known.names())
    if not found:
        problems.append(source.problem(node.place, *unmatched(node.text, known.names())))
    return found


def _read_file(path: str, entries: dict[str, _Entry], problems: list[Problem]) -> None:
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would keep whoever opens it waiting
        problems.append(Problem(path, 0, 0, "this is no file of distros, but a folder or a device"))
        return
    try:
        source = read_source(path)
        node, found = compose(source)
    except MatrixError as error:
        problems.extend(error.problems)
        return
    problems.extend(found)
    if check(source, node, schema.CatalogueFile, "a file of distros", problems) is None:
        return
    items = node.values["distros"] if isinstance(node, MappingNode) else node
    for item in items.items if isinstance(items, SequenceNode) else ():
        entry = _entry(source, item, problems)
        if entry is None:
            continue
        first = entries.setdefault(entry.model.name, entry)
        if first is not entry:
            place = f"the first is at {first.source.where(first.node.place)}"
            message = f"the distro {entry.model.name!r} is defined a second time; {place}"
            problems.append(source.problem(item.place, message))


def _entry(source: SourceText, node: Node, problems: list[Problem]) -> _Entry | None:
    model = check(source, node, schema.DistroEntry, "a distro", problems)
    return _Entry(source, node, model) if model is not None and isinstance(node, MappingNode) else None


def _located(entry: _Entry, problems: list[Problem]) -> Distro | None:
    """The distro with its root filesystem found on the disk."""
    model, place = entry.model, entry.model.rootfs.place
    found = _source(entry.source.file, model)
    if isinstance(found, Source):
        return Distro(model.name, found, tuple(model.tags), entry.source.where(entry.node.place))
    problems.append(entry.source.problem(place, *found))
    return None


def _source(file: str, model: schema.DistroEntry) -> Source | tuple[str, str]:
    """Where the root filesystem is, or message and remedy."""
    written = model.rootfs.text
    if written == HOST:
        if model.sha256 is not None:
            return "the host's own root filesystem has no sha256", "remove sha256"
        return Source(SourceKind.HOST)
    path = os.path.abspath(os.path.join(os.path.dirname(file), written))
    if os.path.realpath(path) == "/":
        return f"{written!r} is this host's own root", "write rootfs: host, which shows what of it may be shown"
    if os.path.isdir(path):
        if model.sha256 is not None:
            return "a directory has no sha256", "remove sha256, or name a tarball"
        return Source(SourceKind.DIRECTORY, path)
    if not os.path.exists(path):
        return f"no file or directory {written!r}", f"paths are relative to the file they are in: looked for {path}"
    if not os.path.isfile(path) or not path.lower().endswith(ARCHIVES):
        return f"{written!r} is not a root filesystem", f"give a directory, or a tarball named {' '.join(ARCHIVES)}"
    return Source(SourceKind.TARBALL, path, model.sha256)
