"""``prepare`` from its template to its script, in two steps: what is known of a cell first, the facts of its image later.

At expansion the template is rendered with the facts of no image in particular, so that a wrong one is an error of its file
and not of a run. ``script`` renders it again when the image is there. A fact that an image does not tell counts as an empty
text where it is compared or tested; where it is to be part of the script it is an error: ``{{ distro.install }} make`` must
not become ``make`` on an image without a package manager.
"""

from __future__ import annotations

from collections.abc import Mapping

import jinja2

from farm.errors import FarmError
from farm.matrix.document import PrepareStep, Test
from farm.matrix.rendering import Rendering
from farm.matrix.template import Renderer, Scope, TemplateError, not_in
from farm.model import plain
from farm.model.distro import Distro, Facts
from farm.model.job import Prepare

_STAND_IN = Facts(
    id="debian",
    version="1.2.3.4",  # so many parts that a template may take one
    pretty_name="Debian GNU/Linux",
    family="debian",
    package_manager="apt",
    libc="glibc",
    libc_version="2.41",
    arch="x86_64",
    install="apt-get install -y",
    init="systemd",
)
_NO_MANAGER = "is empty: this image has no package manager that farm knows"


class PrepareError(FarmError):
    """A ``prepare`` that makes no script for an image. The jobs that need it end as ``error``."""


def script(prepare: Prepare, distro: Distro, facts: Facts) -> str:
    """The script for an image of ``distro`` that says ``facts`` of itself. Raises ``PrepareError`` with the place."""
    scope = _scope(prepare, distro.name, distro.tags, facts)
    try:
        return Renderer().compile(prepare.template)(scope)
    except TemplateError as error:
        line = f", line {error.line} of its text" if error.line > 1 else ""
        remedy = "leave the distro out, or test the fact with {% if ... %}"
        raise PrepareError(
            f"there is no script for {distro.name}", f"{prepare.where}{line}: {error.message}", remedy
        ) from None


class Preparations:
    """What prepares the images of one test's jobs. Equal ones are one value, made once for all cells that lead to it."""

    def __init__(
        self, test: Test, step: PrepareStep, rendering: Rendering, tags: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._test = test
        self._step = step
        self._rendering = rendering
        self._tags = tags
        self._where = rendering.source.where(step.run.place)
        self._uses = rendering.uses(step.run)
        self._run = rendering.compiled(step.run)
        self._env = tuple((name, each, rendering.compiled(each)) for name, each in step.env)
        self._decisive = _together(self._uses.axes, *(rendering.uses(each).axes for _, each in step.env))
        self._cells: dict[tuple[str, tuple[tuple[str, str], ...]], Prepare | None] = {}
        self._made: dict[Prepare, Prepare] = {}
        self._check_facts()

    def of(self, distro: str, axes: tuple[tuple[str, str], ...]) -> Prepare | None:
        """That of a cell; None where it is wrong, which is among the problems."""
        cell = distro, _of(axes, self._decisive)
        try:
            return self._cells[cell]
        except KeyError:
            found = self._cells[cell] = self._prepare(distro, axes)
            return found

    def _prepare(self, distro: str, axes: tuple[tuple[str, str], ...]) -> Prepare | None:
        tags = self._tags[distro]
        env: dict[str, object] = {}
        scope: Scope = {
            "matrix": dict(axes),
            "distro": {"name": distro, "tags": tags},
            "job": {"name": self._test.name},
            "env": env,
        }
        sound = True
        for name, template, render in self._env:
            value = self._rendering.rendered(template, render, scope)
            sound = sound and value is not None
            env[name] = value or ""
        step = self._step
        made = Prepare(
            template=step.run.text,
            shell=step.shell or self._test.shell,
            axes=_of(axes, self._uses.axes),
            env=tuple(sorted((name, str(value)) for name, value in env.items())),
            network=step.network,
            binds=step.binds,
            timeout_s=step.timeout_s,
            limits=step.limits,
            test=self._test.name if self._uses.job else "",
            where=self._where,
        )
        tried = self._rendering.rendered(step.run, self._run, _scope(made, distro, tags, _STAND_IN))
        return self._made.setdefault(made, made) if sound and tried is not None else None

    def _check_facts(self) -> None:
        """Names that no image tells, also where no render with stand-ins comes."""
        known = {"name": "", "tags": ""} | plain.fields(_STAND_IN)
        for name, line in sorted(self._uses.facts):
            if name not in known:
                self._rendering.report(self._step.run.place_of(line), not_in(known, name))


def _scope(prepare: Prepare, distro: str, tags: tuple[str, ...], facts: Facts) -> Scope:
    told = {name: value or _untold(name) for name, value in plain.fields(facts).items()}
    return {
        "matrix": dict(prepare.axes),
        "distro": {"name": distro, "tags": tags, **told},
        "job": {"name": prepare.test},
        "env": dict(prepare.env),
    }


def _of(axes: tuple[tuple[str, str], ...], names: frozenset[str] | None) -> tuple[tuple[str, str], ...]:
    return axes if names is None else tuple(pair for pair in axes if pair[0] in names)


def _together(*sets: frozenset[str] | None) -> frozenset[str] | None:
    known = [each for each in sets if each is not None]
    return frozenset().union(*known) if len(known) == len(sets) else None


class _Untold(jinja2.StrictUndefined):
    """A fact that the image does not tell: equal to an empty text, false, and an error wherever it would be printed."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return other == "" or isinstance(other, _Untold)

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash("")


def _untold(name: str) -> _Untold:
    why = _NO_MANAGER if name in ("install", "package_manager") else "is empty: this image does not tell it"
    return _Untold(hint=f"distro.{name} {why}")
