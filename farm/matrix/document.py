"""A matrix file that was read and found right, as frozen values: all that ``expand`` needs, and nothing of YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any  # values of fields of Spec

from farm.matrix.problems import Problem
from farm.matrix.source import Place, SourceText
from farm.model.build import Bind, Network
from farm.model.distro import Distro
from farm.model.limits import Limits
from farm.model.mount import MountMode
from farm.model.rules import Expect, Retries, When
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Template:
    """A text with jinja2 in it. ``literal`` says that it is a ``|`` block, so its lines can be told one by one.

    A ``raw`` one is text only, whatever stands in it.
    """

    text: str
    place: Place
    literal: bool = False
    raw: bool = False

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
class PrepareStep:
    """A ``prepare`` as it is written. ``shell`` is empty where it is that of the test.

    ``env`` are its own variables; before them come the file's and those of the defaults.
    """

    run: Template
    shell: tuple[str, ...] = ()
    env: tuple[tuple[str, Template], ...] = ()
    network: Network = Network.NONE
    binds: tuple[Bind, ...] = ()
    timeout_s: float = 1800.0
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class MountStep:
    """One of ``mounts`` as it is written."""

    source: Template
    target: Template
    mode: MountMode = MountMode.RO


@dataclass(frozen=True, slots=True)
class ArtifactsStep:
    """``artifacts`` as it is written; see ``farm.model.rules.Artifacts``."""

    paths: tuple[Template, ...]
    when: When = When.ALWAYS
    most_bytes: int = 50 << 20
    junit: str = ""


@dataclass(frozen=True, slots=True)
class HealthcheckStep:
    """``healthcheck`` of a service as it is written."""

    run: Template
    interval_s: float = 1.0
    retries: int = 30
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ServiceStep:
    """One of ``services`` as it is written; ``distro`` is a name among ``Matrix.distros``."""

    name: str
    distro: str
    run: Template
    shell: tuple[str, ...]
    env: tuple[tuple[str, Template], ...] = ()
    limits: Limits = field(default_factory=Limits)
    healthcheck: HealthcheckStep | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """One of ``needs``: the jobs of ``job`` on ``distros`` (None: on the same one) with these axis values.

    Axes that both have and ``values`` does not name have the same value in both. ``some`` says that the distros are those of
    a glob: on some of them there may be none.
    """

    job: str
    place: Place
    distros: tuple[str, ...] | None = None
    values: tuple[tuple[str, str], ...] = ()
    some: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place of the file says: ``said`` holds fields of ``Spec`` by name, and the others add up.

    ``env`` is in the order in which values may use earlier ones. ``limits`` holds fields of ``Limits`` by name. ``places`` are
    those of the keys: ``timeout``, ``env.LANG``, ``resources.cpus``.
    """

    said: Mapping[str, Any] = field(default_factory=dict)
    env: tuple[tuple[str, Template], ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self.said or self.env or self.limits or self.tags)


@dataclass(frozen=True, slots=True)
class Spec:
    """What jobs of a test are, after all layers went into it. Texts are templates; see ``farm.model.job.Job`` for the rest.

    ``env`` is in the order in which values may use earlier ones; ``shared_env`` are those that ``prepare`` gets as well.
    """

    run: Template
    shell: tuple[str, ...] = ("sh", "-e")
    summary: Template | None = None
    condition: Template | None = None
    needs: tuple[Need, ...] = ()
    shards: int = 1
    env: tuple[tuple[str, Template], ...] = ()
    shared_env: tuple[tuple[str, Template], ...] = ()
    secrets: tuple[str, ...] = ()
    timeout_s: float = 600.0
    idle_timeout_s: float = 0.0
    limits: Limits = field(default_factory=Limits)
    prepare: PrepareStep | None = None
    mounts: tuple[MountStep, ...] = ()
    user: Template | None = None
    working_directory: Template | None = None
    hostname: Template | None = None
    network: Network = Network.NONE
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    no_new_privs: bool = True
    init: bool = True
    always: Template | None = None
    debug: Template | None = None
    expect: Expect = Expect.PASS
    skip_exit_code: int = 77
    retries: Retries = field(default_factory=Retries)
    artifacts: ArtifactsStep | None = None
    services: tuple[ServiceStep, ...] = ()
    tags: tuple[str, ...] = ()
    priority: int = 0
    group: Template | None = None
    max_parallel: int = 0
    fail_fast: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """Of ``include``: on each of ``distros``, the cells with all of these axis values, and what they say in place of the test.

    One with a value for every axis of the test (``whole``) adds its cell where it is not there.
    """

    distros: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    place: Place
    whole: bool = True
    layer: Layer = field(default_factory=Layer)


@dataclass(frozen=True, slots=True)
class Test:
    """One entry of ``jobs``.

    ``axis_names`` has the names also where only ``include`` gives cells; ``axes`` is empty then, and ``crossed`` False.
    ``layers`` are what the file, its defaults and the job say, the first of them below the others; the first ``shared`` of
    them are the same for all tests.
    """

    name: str
    place: Place
    distros: tuple[str, ...]
    layers: tuple[Layer, ...]
    shared: int = 0
    axis_names: tuple[str, ...] = ()
    axes: tuple[Axis, ...] = ()
    crossed: bool = True
    excludes: tuple[Exclude, ...] = ()
    includes: tuple[Include, ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """A whole matrix file. ``path`` is as the user gave it.

    ``distros`` are those selected, in file order, then those that only services run on: of each distro of a job and each
    ``Service.distro`` there is one. ``warnings`` are what may be meant and is odd all the same.
    """

    path: str
    name: str
    source: SourceText
    distros: tuple[Distro, ...]
    tests: tuple[Test, ...]
    warnings: tuple[Problem, ...] = ()
