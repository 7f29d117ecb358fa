"""Distros by name: the built-in ``host``, those of catalogue folders, and those a matrix file defines itself.

A catalogue folder holds one YAML file a distribution family; the first folder that defines a name wins, the folder
beside the matrix file before the others, and any of them before the built-in and the catalogue that comes with the farm,
which is ``shipped``'s. Paths are relative to the file they are written in::

    distros/
      host.yaml         distros: [{name: host, rootfs: host, tags: [host]}]
      ubuntu.yaml       distros: [{name: ubuntu-14.04, rootfs: ubuntu-14.04.tar.xz, sha256: ..., tags: [old]}]
      alpine.yaml       distros: [{name: alpine, rootfs: "oci://registry.example/alpine:3.20"}]
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase

from farm.matrix.check import nearest
from farm.matrix.definition import Definition, define, read_definitions
from farm.matrix.problems import Problem
from farm.matrix.shipped import SHIPPED, Shipped
from farm.matrix.source import SourceText
from farm.matrix.tree import MappingNode, Node, Scalar, SequenceNode
from farm.model.distro import Distro, Source, SourceKind
from farm.model.reference import HOST
from farm.values import dataclass

GLOB = frozenset("*?[")
_FEW = 40


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every distro that a matrix file can name without defining it; ``entries`` go before the ``shipped`` ones."""

    entries: dict[str, Definition]
    shipped: Shipped

    def names(self) -> list[str]:
        """Every name, sorted."""
        return self.matching("*")

    def matching(self, pattern: str) -> list[str]:
        """The names that ``pattern``, a name or a glob, stands for; sorted."""
        known = {HOST, *self.entries}
        # host and what others define need none of the shipped files to be read
        return match_names(
            pattern, [pattern] if pattern in known else sorted(known | self.shipped.find(pattern).keys())
        )

    def resolve(self, name: str, problems: list[Problem]) -> Distro | None:
        """The distro called ``name``, which is one of ``names``, or None and a problem where its files are missing."""
        entry = self.entries.get(name)
        if entry is None and name == HOST:
            return Distro(HOST, (Source(SourceKind.HOST),), (HOST,), "built in")
        return (entry or self.shipped.find(name)[name]).distro(problems)


def folders_of(matrix: str, further: Iterable[str]) -> list[str]:
    """The folders that a matrix file at ``matrix`` takes distros from: ``distros`` beside it, if there, and ``further``."""
    beside = os.path.join(os.path.dirname(matrix), "distros")
    return ([beside] if os.path.isdir(beside) else []) + list(further)


def read_catalogue(folders: Iterable[str], problems: list[Problem], shipped: str = SHIPPED) -> Catalogue:
    """What the ``*.yaml`` files of ``folders`` define; a folder that is not there is a problem.

    ``shipped`` is the folder of the catalogue that comes with the farm, empty for none.
    """
    entries: dict[str, Definition] = {}
    for folder in folders:
        if shipped and os.path.realpath(folder) == os.path.realpath(shipped):
            continue  # the farm's own, in a checkout
        try:
            files = sorted(name for name in os.listdir(folder) if name.endswith(".yaml") and not name.startswith("."))
        except OSError as error:
            message = f"cannot read this folder of distros: {error.strerror}"
            problems.append(
                Problem(folder, 0, 0, message, "folders come from FARM_DISTROS, and distros/ beside the file")
            )
            continue
        inner: dict[str, Definition] = {}
        for file in files:
            for each in read_definitions(os.path.join(folder, file), problems):
                first = inner.setdefault(each.name, each)
                if first is not each:
                    place = f"the first is at {first.source.where(first.node.place)}"
                    message = f"the distro {each.name!r} is defined a second time; {place}"
                    problems.append(each.source.problem(each.node.place, message))
        entries = inner | entries
    return Catalogue(entries, Shipped(shipped, problems))


def select_distros(
    source: SourceText, items: SequenceNode, catalogue: Catalogue, problems: list[Problem]
) -> tuple[tuple[Distro, ...], Catalogue]:
    """The distros that the ``distros`` of a matrix file name, match or define, in its order, each once; and all it knows."""
    inline: dict[str, Definition] = {}
    for node in items.items:
        if isinstance(node, MappingNode) and (entry := define(source, node, problems)):
            if entry.name in inline:
                place = node.values["name"].place
                problems.append(source.problem(place, f"the distro {entry.name!r} is defined a second time"))
            inline[entry.name] = entry
    known = Catalogue(catalogue.entries | inline, catalogue.shipped)
    chosen: dict[str, Distro | None] = {}
    for node in items.items:
        for name in _names(source, node, known, problems):
            if name not in chosen:
                chosen[name] = known.resolve(name, problems)
    return tuple(distro for distro in chosen.values() if distro is not None), known


def match_names(pattern: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that ``pattern``, a name or a glob, stands for."""
    if GLOB.isdisjoint(pattern):
        return [name for name in names if name == pattern]
    return [name for name in names if fnmatchcase(name, pattern)]


def unmatched(pattern: str, names: Iterable[str], called: str = "distro") -> tuple[str, str]:
    """Message and remedy for a pattern that stands for nothing."""
    known = list(names)
    if GLOB.isdisjoint(pattern):
        remedy = nearest(pattern, known)
        message = f"no {called} is called {pattern!r}"
    else:
        remedy = f"known here: {', '.join(known)}"
        message = f"no {called} matches {pattern!r}"
    many = len(known) > _FEW and remedy.startswith("known here")
    return message, "farm image ls --available shows what there is" if many else remedy


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
    found = known.matching(node.text)
    if not found:
        problems.append(source.problem(node.place, *unmatched(node.text, known.names())))
    return found
