"""A matrix file that was read and found right, as frozen values: all that ``expand`` needs, and nothing of YAML."""

from __future__ import annotations

from dataclasses import dataclass, field

from farm.matrix.source import Place, SourceText
from farm.model.build import Bind, Network
from farm.model.distro import Distro
from farm.model.limits import Limits


@dataclass(frozen=True, slots=True)
class Template:
    """A text with jinja2 in it. ``literal`` says that it is a ``|`` block, so its lines can be told one by one."""

    text: str
    place: Place
    literal: bool = False

    def place_of(self, line: int) -> Place:
        """The place in the file of ``line`` of the text, from 1; the start of the text where that cannot be told."""
        if self.literal:
            return Place(self.place.line + line, 1)
        return self.place


@dataclass(frozen=True, slots=True)
class AxisValue:
    """One value of an axis, as written."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Axis:
    """One name of ``strategy.matrix`` and its values in file order."""

    name: str
    values: tuple[AxisValue, ...]


@dataclass(frozen=True, slots=True)
class Exclude:
    """Cells that are left out: those on a distro in ``distros`` (None: on any) with all of these axis values."""

    distros: frozenset[str] | None
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Include:
    """Cells that are added: one on each of ``distros``, with a value for every axis of the test in the test's order."""

    distros: tuple[str, ...]
    values: tuple[AxisValue, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class PrepareStep:
    """A ``prepare`` as it is written. ``shell`` is empty where it is that of the test.

    ``env`` of a test's step is in the order in which values may use earlier ones: the file's, the defaults', its own.
    """

    run: Template
    shell: tuple[str, ...] = ()
    env: tuple[tuple[str, Template], ...] = ()
    network: Network = Network.NONE
    binds: tuple[Bind, ...] = ()
    timeout_s: float = 1800.0
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Test:
    """One entry of ``jobs`` after the defaults went into it.

    ``axis_names`` has the names also where only ``include`` gives cells; ``axes`` is empty then, and ``crossed`` False.
    ``env`` is in the order in which values may use earlier ones: the file's, the defaults', the job's own.
    """

    name: str
    place: Place
    run: Template
    shell: tuple[str, ...]
    distros: tuple[str, ...]
    axis_names: tuple[str, ...] = ()
    axes: tuple[Axis, ...] = ()
    crossed: bool = True
    excludes: tuple[Exclude, ...] = ()
    includes: tuple[Include, ...] = ()
    env: tuple[tuple[str, Template], ...] = ()
    summary: Template | None = None
    timeout_s: float = 600.0
    limits: Limits = field(default_factory=Limits)
    tags: tuple[str, ...] = ()
    skip_exit_code: int = 77
    no_new_privs: bool = True
    cap_add: tuple[str, ...] = ()
    prepare: PrepareStep | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """A whole matrix file. ``path`` is as the user gave it; ``distros`` are those selected, in file order."""

    path: str
    name: str
    source: SourceText
    distros: tuple[Distro, ...]
    tests: tuple[Test, ...]
