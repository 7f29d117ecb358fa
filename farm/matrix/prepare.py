"""``prepare`` from its template to its script, in two steps: what is known of a cell first, the facts of its image later.

At expansion the template is rendered with the facts of no image in particular; see ``facts``. ``script`` renders it again when
the image is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farm.errors import FarmError
from farm.matrix.document import PrepareStep, Spec, Template, Test
from farm.matrix.facts import NAMES, STAND_IN, awaited, awaited_variable, told
from farm.matrix.rendering import Rendering
from farm.matrix.template import Renderer, Scope, TemplateError, not_in
from farm.model.distro import Distro, Facts
from farm.model.job import Prepare


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
        self, test: Test, spec: Spec, step: PrepareStep, rendering: Rendering, tags: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._test = test
        self._shell = step.shell or spec.shell
        self._step = step
        self._rendering = rendering
        self._tags = tags
        self._where = rendering.source.where(step.run.place)
        self._uses = rendering.uses(step.run)
        self._run = rendering.compiled(step.run)
        self._awaited = _late(spec.shared_env, rendering)
        env = (*(pair for pair in spec.shared_env if pair[0] not in self._awaited), *step.env)
        self._env = tuple((name, each, rendering.compiled(each)) for name, each in env)
        self._decisive = _together(self._uses.axes, *(rendering.uses(each).axes for _, each in env))
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
        env: dict[str, object] = {name: awaited_variable(name) for name in self._awaited}
        scope: Scope = {
            "matrix": dict(axes),
            "distro": awaited(distro, tags),
            "job": {"name": self._test.name},
            "env": env,
        }
        made_env: dict[str, str] = {}
        sound = True
        for name, template, render in self._env:
            value = self._rendering.rendered(template, render, scope)
            sound = sound and value is not None
            env[name] = made_env[name] = value or ""
        step = self._step
        made = Prepare(
            template=step.run.text,
            shell=self._shell,
            axes=_of(axes, self._uses.axes),
            env=tuple(sorted(made_env.items())),
            network=step.network,
            binds=step.binds,
            timeout_s=step.timeout_s,
            limits=step.limits,
            test=self._test.name if self._uses.job != frozenset() else "",
            where=self._where,
        )
        tried = self._rendering.rendered(step.run, self._run, _scope(made, distro, tags, STAND_IN, self._awaited))
        return self._made.setdefault(made, made) if sound and tried is not None else None

    def _check_facts(self) -> None:
        """Names that no image tells, also where no render with stand-ins comes."""
        for name, line in sorted(self._uses.facts):
            if name not in NAMES:
                self._rendering.report(self._step.run.place_of(line), not_in(dict.fromkeys(NAMES), name))


def _late(env: Sequence[tuple[str, Template]], rendering: Rendering) -> frozenset[str]:
    """The variables that name facts: they are the jobs' only, for what is prepared is told apart by its variables."""
    found: frozenset[str] = frozenset()
    for name, template in env:
        used = rendering.uses(template)
        found = found | {name} if used.of_image or used.of_variables(found) else found - {name}
    return found


def _scope(
    prepare: Prepare, distro: str, tags: tuple[str, ...], facts: Facts, without: frozenset[str] = frozenset()
) -> Scope:
    return {
        "matrix": dict(prepare.axes),
        "distro": told(distro, tags, facts),
        "job": {"name": prepare.test},
        "env": {name: awaited_variable(name) for name in without} | dict(prepare.env),
    }


def _of(axes: tuple[tuple[str, str], ...], names: frozenset[str] | None) -> tuple[tuple[str, str], ...]:
    return axes if names is None else tuple(pair for pair in axes if pair[0] in names)


def _together(*sets: frozenset[str] | None) -> frozenset[str] | None:
    known = [each for each in sets if each is not None]
    return frozenset().union(*known) if len(known) == len(sets) else None
