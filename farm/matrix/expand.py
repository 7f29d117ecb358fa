"""A matrix to its jobs: a pure function, some tens of thousands of jobs a second."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator

from farm.matrix.document import Exclude, Matrix, Test
from farm.matrix.ids import axis_part, job_id
from farm.matrix.prepare import Preparations
from farm.matrix.problems import MatrixError, Problem
from farm.matrix.rendering import Rendering
from farm.matrix.source import Place
from farm.matrix.template import Scope
from farm.model.job import Job

MAX_JOBS = 1_000_000
"""So that a slip in the axes is an error and not the end of the machine's memory."""


def expand(matrix: Matrix) -> tuple[Job, ...]:
    """Every job of ``matrix``: tests in file order, in each the distro first, then the axes, the last axis fastest.

    Cells that ``include`` adds come after the others of their test. Raises ``MatrixError`` with every problem, each
    once and not once a cell: templates that do not render, equal ids, texts too long to be passed to a program.
    """
    problems: list[Problem] = []
    total = sum(_cells_at_most(test) for test in matrix.tests)
    if total > MAX_JOBS:
        place = max(matrix.tests, key=_cells_at_most).place
        message = f"{total:,} jobs, and {MAX_JOBS:,} is the most; this one has the largest share"
        raise MatrixError((matrix.source.problem(place, message, "use fewer axes or values"),))
    tags = {distro.name: distro.tags for distro in matrix.distros}
    rendering = Rendering(matrix.source, problems)
    jobs: list[Job] = []
    for test in matrix.tests:
        jobs.extend(_Expansion(test, rendering, tags).jobs())
    if problems:
        raise MatrixError(tuple(problems))
    return tuple(jobs)


class _Expansion:
    """The cells of one test."""

    def __init__(self, test: Test, rendering: Rendering, tags: dict[str, tuple[str, ...]]) -> None:
        self._test = test
        self._rendering = rendering
        self._tags = tags
        self._parts: dict[tuple[str, str], str] = {}
        self._where = rendering.source.where(test.place)
        self._run = rendering.compiled(test.run)
        self._summary = rendering.compiled(test.summary) if test.summary else None
        self._env = tuple((name, template, rendering.compiled(template)) for name, template in test.env)
        self._prepares = Preparations(test, test.prepare, rendering, tags) if test.prepare else None

    def jobs(self) -> Iterator[Job]:
        """The jobs that can be made; what hinders the others is among the problems."""
        seen: set[str] = set()
        for distro, values, place in self._cells():
            parts = tuple(self._part(*pair) for pair in zip(self._test.axis_names, values, strict=True))
            identity = job_id(self._test.name, distro, parts)
            if identity in seen:
                message = f"the job {identity} is there already"
                self._rendering.report(place, message, "remove this cell or change one of its values")
                continue
            seen.add(identity)
            job = self._job(identity, distro, values)
            if job is not None:
                yield job

    def _cells(self) -> Iterator[tuple[str, tuple[str, ...], Place]]:
        """Distro, axis values and place of each cell."""
        test = self._test
        columns = [[value.text for value in axis.values] for axis in test.axes]
        for distro in test.distros if test.crossed else ():
            excludes = [exclude for exclude in test.excludes if exclude.distros is None or distro in exclude.distros]
            for values in itertools.product(*columns):
                if not excludes or not _excluded(excludes, dict(zip(test.axis_names, values, strict=True))):
                    yield distro, values, test.place
        for include in test.includes:
            for distro in include.distros:
                yield distro, tuple(value.text for value in include.values), include.place

    def _job(self, identity: str, distro: str, values: tuple[str, ...]) -> Job | None:
        test = self._test
        axes = tuple(zip(test.axis_names, values, strict=True))
        env: dict[str, object] = {}
        scope: Scope = {
            "matrix": dict(axes),
            "distro": {"name": distro, "tags": self._tags[distro]},
            "job": {"name": test.name},
            "env": env,
        }
        sound = True
        for name, template, render in self._env:
            value = self._rendering.rendered(template, render, scope)
            sound = sound and value is not None
            env[name] = value or ""  # so that what uses a wrong one is not reported too
        script = self._rendering.rendered(test.run, self._run, scope)
        summary = self._rendering.rendered(test.summary, self._summary, scope) if test.summary else ""
        prepare = self._prepares.of(distro, axes) if self._prepares else None
        if script is None or summary is None or not sound or (self._prepares and prepare is None):
            return None
        return Job(
            id=identity,
            test=test.name,
            distro=distro,
            axes=axes,
            argv=(*test.shell, "-c", script),
            script=script,
            env=tuple(sorted((name, str(value)) for name, value in env.items())),
            timeout_s=test.timeout_s,
            limits=test.limits,
            tags=test.tags,
            skip_exit_code=test.skip_exit_code,
            no_new_privs=test.no_new_privs,
            cap_add=test.cap_add,
            summary=summary,
            where=self._where,
            prepare=prepare,
        )

    def _part(self, name: str, value: str) -> str:
        part = self._parts.get((name, value))
        if part is None:
            part = self._parts[name, value] = axis_part(name, value)
        return part


def _excluded(excludes: Iterable[Exclude], cell: dict[str, str]) -> bool:
    return any(all(cell[name] == value for name, value in exclude.values) for exclude in excludes)


def _cells_at_most(test: Test) -> int:
    crossed = len(test.distros) * math.prod(len(axis.values) for axis in test.axes) if test.crossed else 0
    return crossed + sum(len(include.distros) for include in test.includes)
