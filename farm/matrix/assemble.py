"""One checked entry of ``jobs`` to a ``Test``: what is wrong between its fields is found here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from farm.matrix import schema
from farm.matrix.catalogue import GLOB, Catalogue, match_names, unmatched
from farm.matrix.check import place_of
from farm.matrix.crossing import Crossing
from farm.matrix.document import Layer, Need, Test
from farm.matrix.fields import NAME_RULE
from farm.matrix.parts import optional, template
from farm.matrix.problems import Problem
from farm.matrix.scalars import NAME
from farm.matrix.settings import Reading, layer, pace
from farm.matrix.source import Place
from farm.matrix.tree import MappingNode, Node, Scalar
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """What every job of a file shares; ``lenient`` says that a distro is wrong already, so jobs get no blame.

    ``distros`` are the names of those that jobs run on, ``layers`` what the file and its defaults say.
    """

    reading: Reading
    root: MappingNode
    known: Catalogue
    distros: tuple[str, ...]
    layers: tuple[Layer, ...]
    lenient: bool
    warnings: list[Problem]

    def report(self, place: Place, message: str, remedy: str = "") -> None:
        self.reading.problems.append(self.reading.source.problem(place, message, remedy))

    def warn(self, place: Place, message: str, remedy: str = "") -> None:
        self.warnings.append(self.reading.source.problem(place, message, remedy))


def assemble(context: Context, key: Scalar, node: Node, entry: schema.JobEntry) -> Test | None:
    """The test, or None where its cells cannot be told; errors are among the problems.

    A test that is wrong only otherwise is returned, so that its expansion can show what else is wrong.
    """
    if not NAME.fullmatch(key.text):
        context.report(key.place, f"{key.text!r} is not a name for a job", NAME_RULE)
    distros = _distros(context, node, entry.distros)
    own = cell_layer(context, node, entry)
    before = len(context.reading.problems)
    test = Test(
        name=key.text,
        place=key.place,
        distros=distros,
        layers=(*context.layers, replace(own, said={**own.said, **pace(entry.strategy)})),
        shared=len(context.layers),
    )
    if entry.strategy is not None and entry.strategy.matrix is not None:
        crossing = Crossing(context, node, entry, distros, lambda cell, said: cell_layer(context, cell, said))
        test = crossing.crossed(test, entry.strategy.matrix)
    return test if len(context.reading.problems) == before else None


def cell_layer(context: Context, node: Node, entry: schema.CellEntry) -> Layer:
    """What ``entry`` says, that of a job or of an ``include``."""
    made = layer(context.reading, node, entry)
    said = dict(made.said)
    if entry.run is not None:
        said["run"] = template(entry.run)
    if entry.condition is not None:
        said["condition"] = optional(entry.condition)
    if entry.needs is not None:
        said["needs"] = tuple(_need(context, each) for each in entry.needs)
    return replace(made, said=said)


def _distros(context: Context, node: Node, patterns: list[Scalar] | None) -> tuple[str, ...]:
    """Those of the file's distros that the job's patterns stand for, in the file's order."""
    known = context.distros
    if patterns is None:
        return known
    if not patterns:
        context.report(place_of(node, ("distros",)), "an empty list leaves no distro to run on")
    chosen: set[str] = set()
    for pattern in patterns:
        found = match_names(pattern.text, known)
        if not found and not context.lenient:
            context.report(pattern.place, *unmatched(pattern.text, known, "distro of this file"))
        chosen.update(found)
    return tuple(name for name in known if name in chosen)


def _need(context: Context, entry: schema.NeedEntry) -> Need:
    """What of it is wrong between jobs is found when their cells are known."""
    distros: tuple[str, ...] | None = None
    some = False
    if entry.distro is not None:
        some = not GLOB.isdisjoint(entry.distro.text)
        distros = tuple(match_names(entry.distro.text, context.distros))
        if not distros and not context.lenient:
            context.report(entry.distro.place, *unmatched(entry.distro.text, context.distros, "distro of this file"))
    extra: Mapping[str, Scalar] = entry.model_extra or {}
    values = tuple((name, value.text) for name, value in extra.items())
    return Need(entry.job.text, entry.job.place, distros, values, some)
