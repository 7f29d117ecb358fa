"""One checked entry of ``jobs`` and the defaults to a ``Test``: what is wrong between its fields is found here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from farm.matrix import schema
from farm.matrix.catalogue import match_names, unmatched
from farm.matrix.check import key_place, nearest, place_of
from farm.matrix.document import Axis, AxisValue, Exclude, Include, PrepareStep, Template, Test
from farm.matrix.parts import env_templates, merged_limits, shell_words, template
from farm.matrix.prepare_entry import prepare_step
from farm.matrix.problems import Problem
from farm.matrix.scalars import AXIS, NAME
from farm.matrix.source import Place, SourceText
from farm.matrix.tree import MappingNode, Node, Scalar

_MATRIX = ("strategy", "matrix")


@dataclass(frozen=True, slots=True)
class Context:
    """What every job of a file shares; ``lenient`` says that a distro is wrong already, so jobs get no blame.

    ``env`` is the file's and the defaults'; ``prepare`` is that of the defaults, with its own variables only.
    """

    source: SourceText
    root: MappingNode
    distros: tuple[str, ...]
    defaults: schema.Defaults
    env: tuple[tuple[str, Template], ...]
    lenient: bool
    prepare: PrepareStep | None = None


def assemble(context: Context, key: Scalar, node: Node, entry: schema.JobEntry, problems: list[Problem]) -> Test | None:
    """The test, or None where its cells cannot be told; errors are appended to ``problems``.

    A test that is wrong only otherwise is returned, so that its expansion can show what else is wrong.
    """
    part = _Assembly(context, node, problems)
    if not NAME.fullmatch(key.text):
        problems.append(context.source.problem(key.place, f"{key.text!r} is not a name for a job", schema.NAME_RULE))
    distros = part.distros(entry.distros)
    env = env_templates(context.source, node, ("env",), entry.env, problems)
    before = len(problems)
    names, axes, crossed = part.axes(entry)
    excludes, includes = part.excludes(entry, axes), part.includes(entry, names)
    if len(problems) > before:
        return None
    return Test(
        name=key.text,
        place=key.place,
        run=template(entry.run),
        shell=shell_words(context.source, entry.shell or context.defaults.shell, problems),
        distros=distros,
        axis_names=names,
        axes=axes,
        crossed=crossed,
        excludes=excludes,
        includes=includes,
        env=context.env + env,
        summary=template(entry.summary) if entry.summary else None,
        timeout_s=entry.timeout or context.defaults.timeout or 600.0,
        limits=merged_limits(context.defaults.resources, entry.resources),
        tags=tuple(dict.fromkeys(entry.tags)),
        skip_exit_code=entry.skip_exit_code,
        no_new_privs=entry.no_new_privs,
        cap_add=tuple(dict.fromkeys(entry.cap_add)),
        prepare=part.prepare(entry.prepare),
    )


class _Assembly:
    """The parts of one job; every problem gets its place from ``node``, the job's mapping."""

    def __init__(self, context: Context, node: Node, problems: list[Problem]) -> None:
        self._context = context
        self._node = node
        self._problems = problems

    def prepare(self, entry: schema.PrepareEntry | None) -> PrepareStep | None:
        """The job's own, whole, else that of the defaults; with the variables that it does not have of itself."""
        step = self._context.prepare
        if entry is not None:
            step = prepare_step(self._context.source, self._node, ("prepare",), entry, self._problems)
        elif isinstance(self._node, MappingNode) and "prepare" in self._node.values:
            return None  # a wrong one; that of the defaults may be meant for other axes
        return replace(step, env=self._context.env + step.env) if step else None

    def distros(self, patterns: list[Scalar] | None) -> tuple[str, ...]:
        """Those of the file's distros that the job's patterns stand for, in the file's order."""
        known = self._context.distros
        if patterns is None:
            return known
        if not patterns:
            self._report(place_of(self._node, ("distros",)), "an empty list leaves no distro to run on")
        chosen: set[str] = set()
        for pattern in patterns:
            found = match_names(pattern.text, known)
            if not found and not self._context.lenient:
                self._report(pattern.place, *unmatched(pattern.text, known, "distro of this file"))
            chosen.update(found)
        return tuple(name for name in known if name in chosen)

    def axes(self, entry: schema.JobEntry) -> tuple[tuple[str, ...], tuple[Axis, ...], bool]:
        """Names of the axes, the axes to cross, and whether there is anything to cross."""
        if entry.strategy is None:
            return (), (), True
        matrix = entry.strategy.matrix
        extra: Mapping[str, list[Scalar]] = matrix.model_extra or {}
        axes = tuple(self._axis(name, values) for name, values in extra.items())
        if axes or not matrix.include:
            if not axes:
                self._report(place_of(self._node, _MATRIX), "a matrix has at least one axis, or an include")
            return tuple(axis.name for axis in axes), axes, True
        names = tuple(name for name in matrix.include[0] if name != "distro")
        for name in names:
            self._check_axis_name(name, key_place(self._node, (*_MATRIX, "include", 0, name)))
        return names, (), False

    def excludes(self, entry: schema.JobEntry, axes: tuple[Axis, ...]) -> tuple[Exclude, ...]:
        if entry.strategy is None:
            return ()
        values = {axis.name: [value.text for value in axis.values] for axis in axes}
        found = []
        for index, cell in enumerate(entry.strategy.matrix.exclude):
            location = (*_MATRIX, "exclude", index)
            if not cell:
                self._report(place_of(self._node, location), "an exclude that names nothing would leave nothing")
            for name, value in cell.items():
                if name == "distro":
                    continue
                if name not in values:
                    self._unknown_axis(location, name, values)
                elif value.text not in values[name]:
                    self._report(
                        value.place, f"the axis {name!r} has no value {value.text!r}", nearest(value.text, values[name])
                    )
            chosen = frozenset(match_names(cell["distro"].text, self._context.distros)) if "distro" in cell else None
            found.append(Exclude(chosen, tuple((n, v.text) for n, v in cell.items() if n != "distro")))
        return tuple(found)

    def includes(self, entry: schema.JobEntry, names: tuple[str, ...]) -> tuple[Include, ...]:
        if entry.strategy is None:
            return ()
        found = []
        for index, cell in enumerate(entry.strategy.matrix.include):
            location = (*_MATRIX, "include", index)
            place = place_of(self._node, location)
            for name in cell:
                if name != "distro" and name not in names:
                    self._unknown_axis(location, name, names)
            missing = [name for name in names if name not in cell and name != "distro"]
            if missing:
                self._report(place, f"this cell has no value for {', '.join(map(repr, missing))}", "name every axis")
            elif not names:
                self._report(place, "an include names at least one axis")
            values = tuple(AxisValue(cell[name].text, cell[name].place) for name in names if name in cell)
            found.append(Include(self._include_distros(entry, cell), values, place))
        return tuple(found)

    def _include_distros(self, entry: schema.JobEntry, cell: Mapping[str, Scalar]) -> tuple[str, ...]:
        if "distro" not in cell:
            allowed = self._context.distros
            patterns = [pattern.text for pattern in entry.distros or ()]
            if entry.distros is None:
                return allowed
            return tuple(name for name in allowed if any(fnmatchcase(name, pattern) for pattern in patterns))
        pattern = cell["distro"]
        found = match_names(pattern.text, self._context.distros)
        if not found and not self._context.lenient:
            self._report(pattern.place, *unmatched(pattern.text, self._context.distros, "distro of this file"))
        return tuple(found)

    def _axis(self, name: str, values: Sequence[Scalar]) -> Axis:
        self._check_axis_name(name, key_place(self._node, (*_MATRIX, name)))
        if not values:
            self._report(
                place_of(self._node, (*_MATRIX, name)), f"the axis {name!r} has no values, so there would be no jobs"
            )
        seen: dict[str, Scalar] = {}
        for value in values:
            first = seen.setdefault(value.text, value)
            if first is not value:
                self._report(value.place, f"the value {value.text!r} stands in the axis {name!r} a second time")
        return Axis(name, tuple(AxisValue(value.text, value.place) for value in seen.values()))

    def _check_axis_name(self, name: str, place: Place) -> None:
        if name == "distro":
            self._report(place, "the axis 'distro' is always there", "choose with the job's key distros")
        elif name in schema.LATER:
            self._report(place, f"the key {name!r} is not supported yet", "it is not a name for an axis either")
        elif not AXIS.fullmatch(name):
            self._report(
                place, f"{name!r} is not a name for an axis", "use letters, digits and '_', not beginning with a digit"
            )

    def _unknown_axis(
        self, location: tuple[str | int, ...], name: str, known: Sequence[str] | Mapping[str, object]
    ) -> None:
        place = key_place(self._node, (*location, name))
        if name in schema.LATER:
            self._report(
                place,
                f"the key {name!r} is not supported yet",
                "remove it; docs/matrix.md lists the keys of this version",
            )
        else:
            self._report(place, f"there is no axis {name!r}", nearest(name, ["distro", *known]))

    def _report(self, place: Place, message: str, remedy: str = "") -> None:
        self._problems.append(self._context.source.problem(place, message, remedy))
