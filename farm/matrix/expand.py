"""A matrix to its jobs, some tens of thousands a second; pure, but that it looks whether what jobs mount is there."""

from __future__ import annotations

from collections.abc import Collection

from farm.matrix.cells import Specs, cells, most
from farm.matrix.document import Matrix
from farm.matrix.needs import Group, Needs, circles, skipped_with
from farm.matrix.problems import MatrixError, Problem
from farm.matrix.rendering import Rendering
from farm.matrix.variant import Variant
from farm.model.job import Job

MAX_JOBS = 1_000_000
"""So that a slip in the axes is an error and not the end of the machine's memory."""


def expand(matrix: Matrix, unsound: Collection[str] = ()) -> tuple[Job, ...]:
    """Every job of ``matrix``: tests in file order, in each the distro first, then the axes, the last axis fastest.

    Cells that ``include`` adds come after the others of their test. Jobs whose ``if`` is false are there, with the reason in
    ``condition``. ``unsound`` are tests of the file that are wrong already: nothing is said of who needs them. Raises
    ``MatrixError`` with every problem, each once and not once a cell: templates that do not render,
    equal ids, texts too long to be passed to a program, needs that cannot be met.
    """
    problems: list[Problem] = []
    specs = {test.name: Specs(test) for test in matrix.tests}
    sizes = {test.name: most(test, specs[test.name]) for test in matrix.tests}
    if sum(sizes.values()) > MAX_JOBS:
        place = max(matrix.tests, key=lambda test: sizes[test.name]).place
        message = f"{sum(sizes.values()):,} jobs, and {MAX_JOBS:,} is the most; this one has the largest share"
        raise MatrixError((matrix.source.problem(place, message, "use fewer axes or values"),))
    tags = {distro.name: distro.tags for distro in matrix.distros}
    rendering = Rendering(matrix.source, problems)
    groups = {test.name: Group(test, cells(test, specs[test.name], rendering.report)) for test in matrix.tests}
    needs = Needs(groups, rendering.report, unsound)
    jobs: list[Job] = []
    for group in groups.values():
        jobs.extend(_jobs(group, specs[group.test.name], needs, rendering, tags))
    if any(job.needs for job in jobs):
        for circle in circles(jobs):
            place = needs.places[circle[0].partition("/")[0], circle[1].partition("/")[0]]
            rendering.report(place, f"jobs that need each other: {' -> '.join(circle)}", "remove one of these needs")
    if problems:
        raise MatrixError(tuple(problems))
    return skipped_with(jobs) if any(job.needs for job in jobs) else tuple(jobs)


def _jobs(
    group: Group, specs: Specs, needs: Needs, rendering: Rendering, tags: dict[str, tuple[str, ...]]
) -> list[Job]:
    """The jobs that can be made of a test's cells; what hinders the others is among the problems."""
    variants: dict[tuple[int, ...], Variant] = {}
    made = []
    for cell in group.cells:
        spec = specs.of(cell.includes)
        variant = variants.get(cell.includes)
        if variant is None:
            variant = variants[cell.includes] = Variant(group.test, spec, rendering, tags)
        needed = needs.of(group.test, spec, cell)
        job = variant.job(cell, needed.ids, needed.skipped)
        if job is not None:
            made.append(job)
    return made
