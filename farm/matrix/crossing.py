"""``strategy.matrix`` of one job: its axes, what ``exclude`` leaves out, and what ``include`` adds or changes.

In an entry of ``include`` a key that is an axis of the job is a value of it, ``distro`` is the distro, and any other key is one
that a job may have. Where only ``include`` gives cells, the axes are the keys of its first entry that no job has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from pydantic_core import PydanticCustomError

from farm.matrix import schema
from farm.matrix.catalogue import GLOB, Catalogue, match_names, unmatched
from farm.matrix.check import check, key_place, nearest, place_of, plain
from farm.matrix.document import Axis, AxisValue, Exclude, Include, Layer, Test
from farm.matrix.scalars import AXIS, encodable
from farm.matrix.settings import Reading
from farm.matrix.source import Place
from farm.matrix.tree import MappingNode, Node, Scalar, SequenceNode

_MATRIX = ("strategy", "matrix")
FIELDS = frozenset((field.alias or name) for name, field in schema.CellEntry.model_fields.items())
"""Keys of an include that are no axes, unless the job has an axis of that name."""


class Around(Protocol):
    """What the job is in: ``assemble.Context``."""

    @property
    def reading(self) -> Reading: ...

    @property
    def known(self) -> Catalogue: ...

    @property
    def distros(self) -> tuple[str, ...]: ...

    @property
    def lenient(self) -> bool: ...

    def report(self, place: Place, message: str, remedy: str = "", /) -> None: ...

    def warn(self, place: Place, message: str, remedy: str = "", /) -> None: ...


class Crossing:
    """Reads one; every problem gets its place from ``node``, the mapping of the job, which runs on ``distros``."""

    def __init__(
        self,
        context: Around,
        node: Node,
        entry: schema.JobEntry,
        distros: tuple[str, ...],
        layer: Callable[[Node, schema.CellEntry], Layer],
    ) -> None:
        self._context = context
        self._node = node
        self._entry = entry
        self._distros = distros
        self._layer = layer

    def crossed(self, test: Test, matrix: schema.Axes) -> Test:
        """``test`` with its cells."""
        extra: Mapping[str, list[Scalar]] = matrix.model_extra or {}
        axes = tuple(self._axis(name, values) for name, values in extra.items())
        names, crossed = tuple(axis.name for axis in axes), True
        if not axes:
            names = self._names(matrix)
            crossed = not names
        if not axes and not matrix.include:
            self._report(place_of(self._node, _MATRIX), "a matrix has at least one axis, or an include")
        return Test(
            name=test.name,
            place=test.place,
            distros=test.distros,
            layers=test.layers,
            shared=test.shared,
            axis_names=names,
            axes=axes,
            crossed=crossed,
            excludes=tuple(self._excludes(matrix, axes)),
            includes=tuple(self._includes(names)),
        )

    def _names(self, matrix: schema.Axes) -> tuple[str, ...]:
        """The axes where there are those of ``include`` only."""
        names = (
            [name for name in matrix.include[0] if name != "distro" and name not in FIELDS] if matrix.include else []
        )
        for name in names:
            self._check_axis_name(name, key_place(self._node, (*_MATRIX, "include", 0, name)))
        return tuple(names)

    def _axis(self, name: str, values: Sequence[Scalar]) -> Axis:
        self._check_axis_name(name, key_place(self._node, (*_MATRIX, name)))
        if not values:
            message = f"the axis {name!r} has no values, so there would be no jobs"
            self._report(place_of(self._node, (*_MATRIX, name)), message)
        seen: dict[str, Scalar] = {}
        for value in values:
            first = seen.setdefault(value.text, value)
            if first is not value:
                self._report(value.place, f"the value {value.text!r} stands in the axis {name!r} a second time")
        return Axis(name, tuple(AxisValue(value.text, value.place) for value in seen.values()))

    def _check_axis_name(self, name: str, place: Place) -> None:
        if name == "distro":
            self._report(place, "the axis 'distro' is always there", "choose with the job's key distros")
        elif name == "shard":
            self._report(place, "'shard' is not a name for an axis", "it stands in the ids of jobs with shards")
        elif not AXIS.fullmatch(name):
            remedy = "use letters, digits and '_', not beginning with a digit"
            self._report(place, f"{name!r} is not a name for an axis", remedy)

    def _excludes(self, matrix: schema.Axes, axes: Sequence[Axis]) -> list[Exclude]:
        values = {axis.name: [value.text for value in axis.values] for axis in axes}
        found = []
        for index, cell in enumerate(matrix.exclude):
            location = (*_MATRIX, "exclude", index)
            if not cell:
                self._report(place_of(self._node, location), "an exclude that names nothing would leave nothing")
            for name, value in cell.items():
                if name == "distro":
                    continue
                if name not in values:
                    self._unknown_axis(location, name, values)
                elif value.text not in values[name]:
                    message = f"the axis {name!r} has no value {value.text!r}"
                    self._report(value.place, message, nearest(value.text, values[name]))
            chosen = self._excluded_distros(cell["distro"]) if "distro" in cell else None
            found.append(Exclude(chosen, tuple((n, v.text) for n, v in cell.items() if n != "distro")))
        return found

    def _excluded_distros(self, pattern: Scalar) -> frozenset[str]:
        """Those of the job; a warning where there is none, an error where no distro anywhere has such a name."""
        found = frozenset(match_names(pattern.text, self._distros))
        if found or self._context.lenient:
            return found
        if GLOB.isdisjoint(pattern.text) and not match_names(pattern.text, self._context.distros):
            known = self._context.known
            if not known.matching(pattern.text):
                self._report(pattern.place, *unmatched(pattern.text, [*self._context.distros, *known.names()]))
                return found
        message = f"this exclude matches nothing: the job does not run on {pattern.text!r}"
        self._context.warn(pattern.place, message, f"it runs on {_some(self._distros)}")
        return found

    def _includes(self, names: tuple[str, ...]) -> list[Include]:
        items = place_node(self._node, (*_MATRIX, "include"))
        nodes = items.items if isinstance(items, SequenceNode) else ()
        return [self._include(node, index, names) for index, node in enumerate(nodes) if isinstance(node, MappingNode)]

    def _include(self, node: MappingNode, index: int, names: tuple[str, ...]) -> Include:
        values = {name: self._value(node, name) for name in names if name in node.values}
        layer = self._said(node, index, names)
        missing = [name for name in names if name not in values]
        if missing and not layer:
            message = f"this cell has no value for {', '.join(map(repr, missing))}"
            self._report(node.place, message, "name every axis, or say what is to be different for such jobs")
        elif not names and not layer:
            self._report(node.place, "an include names at least one axis, or says something of the jobs")
        pairs = tuple((name, value) for name, value in values.items() if value is not None)
        return Include(self._include_distros(node, whole=not missing), pairs, node.place, not missing, layer)

    def _said(self, node: MappingNode, index: int, names: tuple[str, ...]) -> Layer:
        """What is said of the jobs, beside values of axes."""
        keys = [key for key in node.keys if key != "distro" and key not in names]
        for key in keys:
            if key not in FIELDS:
                self._unknown_key((*_MATRIX, "include", index), key, names)
        known = [key for key in keys if key in FIELDS]
        part = MappingNode({key: node.keys[key] for key in known}, {key: node.values[key] for key in known}, node.place)
        reading = self._context.reading
        entry = check(reading.source, part, schema.CellEntry, "an item of 'include'", reading.problems)
        return self._layer(part, entry) if entry is not None else Layer({"run": None})

    def _value(self, node: MappingNode, name: str) -> str | None:
        """The value of an axis; None and a problem where it cannot be one."""
        try:
            return encodable(plain(node.values[name])).text
        except PydanticCustomError as error:
            self._report(node.values[name].place, *error.message().partition("\n")[::2])
            return None

    def _include_distros(self, node: MappingNode, *, whole: bool) -> tuple[str, ...]:
        """Where nothing is said, those of the job."""
        written = node.values.get("distro")
        if written is None:
            return self._distros
        pattern = self._value(node, "distro")
        if pattern is None:
            return ()
        among = self._context.distros if whole else self._distros
        found = match_names(pattern, among)
        if not found and not self._context.lenient:
            self._report(
                written.place, *unmatched(pattern, among, "distro of this file" if whole else "distro of this job")
            )
        return tuple(found)

    def _unknown_axis(
        self, location: tuple[str | int, ...], name: str, known: Sequence[str] | Mapping[str, object]
    ) -> None:
        remedy = nearest(name, ["distro", *known])
        self._report(key_place(self._node, (*location, name)), f"there is no axis {name!r}", remedy)

    def _unknown_key(self, location: tuple[str | int, ...], name: str, axes: Sequence[str]) -> None:
        remedy = nearest(name, ["distro", *axes, *sorted(FIELDS)])
        if remedy.startswith("known here"):
            remedy = f"its axes are {', '.join(axes)}; any other key is one that a job has, but distros and strategy"
        self._report(key_place(self._node, (*location, name)), f"there is no axis {name!r}", remedy)

    def _report(self, place: Place, message: str, remedy: str = "") -> None:
        self._context.report(place, message, remedy)


def place_node(node: Node, location: Sequence[str]) -> Node | None:
    """What ``location`` leads to below ``node``; None where it leads to nothing."""
    found: Node | None = node
    for step in location:
        found = found.values.get(step) if isinstance(found, MappingNode) else None
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
