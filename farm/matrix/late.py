"""Jobs whose texts name facts of an image, made whole once that image is there."""

from __future__ import annotations

from dataclasses import replace

from farm.errors import FarmError
from farm.matrix.cells import Cell, Specs, applying
from farm.matrix.document import Matrix
from farm.matrix.problems import Problem
from farm.matrix.rendering import Rendering
from farm.matrix.variant import Variant
from farm.model.distro import Facts, Image
from farm.model.job import Job


class LateError(FarmError):
    """A template that fails with the facts of an image. The job ends as ``error``."""


class Completion:
    """Of the jobs that ``expand`` made of ``matrix``."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._tests = {test.name: (test, Specs(test)) for test in matrix.tests}
        self._tags = {distro.name: distro.tags for distro in matrix.distros}
        self._variants: dict[tuple[str, tuple[int, ...], Facts], tuple[Variant, list[Problem]]] = {}

    def complete(self, job: Job, image: Image) -> Job | str:
        """``job`` with every text rendered with the facts of ``image``, or the reason why it is skipped: its ``if`` is false.

        One that is not late is as it was, or skipped for its own reason. Raises ``LateError`` with each template that fails, at
        its line of the file.
        """
        if not job.late:
            return job.condition or job
        if job.test not in self._tests:  # a run is gone on with that was begun on another file
            raise LateError(f"the matrix file no longer has the job {job.test}", self._matrix.path)
        test, specs = self._tests[job.test]
        includes = applying(test, job.distro, job.axes)
        key = job.test, includes, image.facts
        if key not in self._variants:
            problems: list[Problem] = []
            rendering = Rendering(self._matrix.source, problems)
            made = Variant(test, specs.of(includes), rendering, self._tags, image.facts)
            self._variants[key] = made, problems
        variant, problems = self._variants[key]
        cell = Cell(job.id, job.distro, job.axes, includes, job.shard)
        if reason := variant.skipped(cell):
            return reason
        whole = variant.job(cell, job.needs)
        if whole is None:
            said = "; ".join(dict.fromkeys(problem.told for problem in sorted(problems)))
            remedy = "leave the distro out, or test the fact with {% if ... %}"
            raise LateError(f"the image of {job.distro} lacks what {job.test} asks of it", said, remedy)
        return replace(whole, prepare=job.prepare)
