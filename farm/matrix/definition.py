"""One distro as a file defines it: checked where it is read, looked for on the disk only where it is used."""

from __future__ import annotations

import os

from farm.matrix.check import check
from farm.matrix.distro_schema import CatalogueFile, DistroEntry
from farm.matrix.origin import Origin, absent, located, origins
from farm.matrix.problems import MatrixError, Problem
from farm.matrix.source import SourceText, read_source
from farm.matrix.tree import MappingNode, Node, SequenceNode, compose
from farm.model.distro import Distro, Source
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """A distro of a file; ``node`` is its mapping there, ``origins`` are one or more."""

    source: SourceText
    node: MappingNode
    entry: DistroEntry
    origins: tuple[Origin, ...]

    @property
    def name(self) -> str:
        return self.entry.name

    def distro(self, problems: list[Problem]) -> Distro | None:
        """The distro with its files found, or None and a problem for what is wrong with each of them.

        A path may lead to nothing as long as another source may serve: images come and go, and the first that is there is it.
        """
        sources: list[Source] = []
        missing: list[Problem] = []
        before = len(problems)
        arch = self.entry.arch[0] if len(self.entry.arch) == 1 else ""
        for origin in self.origins:
            found = located(origin, self.source.file, arch)
            if not isinstance(found, Source):
                problems.append(self.source.problem(origin.place, *found))
            elif (said := absent(origin, found)) is not None:
                missing.append(self.source.problem(origin.place, *said))
            if isinstance(found, Source):
                sources.append(found)
        if len(missing) == len(self.origins):
            problems.extend(missing)
        if len(problems) > before:
            return None
        where = self.source.where(self.node.place)
        return Distro(self.name, tuple(sources), tuple(self.entry.tags), where, self.entry.arch, self.entry.eol)


def define(source: SourceText, node: Node, problems: list[Problem]) -> Definition | None:
    """The distro that ``node`` of ``source`` defines, or None and problems."""
    entry = check(source, node, DistroEntry, "a distro", problems)
    if entry is None or not isinstance(node, MappingNode):
        return None
    found = origins(source, node, entry, problems)
    return Definition(source, node, entry, found) if found else None


def read_definitions(path: str, problems: list[Problem]) -> list[Definition]:
    """Those of a file of distros, in its order."""
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would keep whoever opens it waiting
        problems.append(Problem(path, 0, 0, "this is no file of distros, but a folder or a device"))
        return []
    try:
        source = read_source(path)
        node, found = compose(source)
    except MatrixError as error:
        problems.extend(error.problems)
        return []
    problems.extend(found)
    if check(source, node, CatalogueFile, "a file of distros", problems) is None:
        return []
    items = node.values["distros"] if isinstance(node, MappingNode) else node
    each = (define(source, item, problems) for item in items.items) if isinstance(items, SequenceNode) else ()
    return [definition for definition in each if definition is not None]
