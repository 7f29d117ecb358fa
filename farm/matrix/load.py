"""A matrix file to a ``Matrix``, or to every error in it at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from farm.matrix import schema
from farm.matrix.assemble import Context, assemble
from farm.matrix.catalogue import Catalogue, folders_of, read_catalogue, select_distros
from farm.matrix.check import check
from farm.matrix.document import Layer, Matrix, Test
from farm.matrix.expand import expand
from farm.matrix.parts import variables
from farm.matrix.problems import MatrixError, Problem
from farm.matrix.service_images import ServiceImages
from farm.matrix.settings import Reading, layer, pace
from farm.matrix.shipped import SHIPPED
from farm.matrix.source import SourceText, read_source
from farm.matrix.tree import MappingNode, Node, SequenceNode, compose
from farm.model.distro import Distro, Source, SourceKind


def load(path: str, catalogue: Sequence[str] = (), shipped: str = SHIPPED) -> Matrix:
    """The matrix file at ``path``.

    ``catalogue`` are further folders of distro definitions (those of ``FARM_DISTROS``), looked in after ``distros/``
    beside the file; ``shipped``, the folder of the catalogue that comes with the farm, is the last. Raises ``MatrixError``
    with every problem, those that only expansion shows included.
    """
    source = read_source(path)
    root, found = compose(source)
    problems = list(found)
    known = read_catalogue(folders_of(path, catalogue), problems, shipped)
    matrix = _matrix(path, source, root, known, problems)
    if not problems and matrix is not None:
        return matrix
    if matrix is not None:
        # The file is refused anyway; what its sound jobs would say on expansion belongs in the same list.
        try:
            jobs = root.values.get("jobs") if isinstance(root, MappingNode) else None
            written = jobs.values if isinstance(jobs, MappingNode) else {}
            sound = {test.name for test in matrix.tests}
            expand(matrix, [name for name in written if name not in sound])
        except MatrixError as error:
            problems.extend(error.problems)
    raise MatrixError(tuple(problems))


def _matrix(path: str, source: SourceText, root: Node, catalogue: Catalogue, problems: list[Problem]) -> Matrix | None:
    """What of the file is sound; None where it is not a mapping at all."""
    file = check(source, root, schema.MatrixFile, "a matrix file", problems)
    if not isinstance(root, MappingNode):
        return None
    before = len(problems)
    distros, known = _distros(source, root, catalogue, problems)
    lenient = len(problems) > before or not distros
    if lenient and not distros:
        # A stand-in, so that templates are looked at all the same; the file is refused anyway.
        distros = (Distro("host", (Source(SourceKind.HOST),)),)
    images = ServiceImages(source, known, distros, problems)
    reading = Reading(source, images, problems)
    layers, whole = _shared(reading, root)
    names = tuple(distro.name for distro in distros)
    warnings: list[Problem] = []
    tests = _tests(Context(reading, root, known, names, layers, lenient, warnings))
    name = (file.name if file else None) or os.path.splitext(os.path.basename(path))[0]
    # Without all of the shared env a sound template would seem to use undefined names: nothing is expanded then.
    return Matrix(path, name, source, (*distros, *images.more), tests if whole else (), tuple(warnings))


def _distros(
    source: SourceText, root: MappingNode, catalogue: Catalogue, problems: list[Problem]
) -> tuple[tuple[Distro, ...], Catalogue]:
    items = root.values.get("distros")
    if not isinstance(items, SequenceNode):
        return (), catalogue
    if not items.items:
        problems.append(source.problem(items.place, "an empty list leaves no distro to run on"))
    return select_distros(source, items, catalogue, problems)


def _shared(reading: Reading, root: MappingNode) -> tuple[tuple[Layer, ...], bool]:
    """What the file and its defaults say, and whether all of both is there."""
    found: list[schema.Variables | schema.Defaults | None] = []
    layers: list[Layer] = []
    node = root.values.get("env")
    if isinstance(node, MappingNode):
        own = check(reading.source, node, schema.Variables, "env", reading.problems)
        layers.append(
            Layer(
                env=variables(own.root) if own else (),
                places={f"env.{name}": key.place for name, key in node.keys.items()},
            )
        )
        found.append(own)
    node = root.values.get("defaults")
    if isinstance(node, MappingNode):
        defaults = check(reading.source, node, schema.Defaults, "defaults", reading.problems)
        if defaults is not None:
            made = layer(reading, node, defaults)
            layers.append(replace(made, said={**made.said, **pace(defaults.strategy)}))
        found.append(defaults)
    return tuple(layers), None not in found


def _tests(context: Context) -> tuple[Test, ...]:
    jobs = context.root.values.get("jobs")
    if not isinstance(jobs, MappingNode):
        return ()
    if not jobs.values:
        context.report(jobs.place, "there are no jobs")
    tests = []
    for name, node in jobs.values.items():
        reading = context.reading
        entry = check(reading.source, node, schema.JobEntry, f"the job {name!r}", reading.problems)
        if entry is not None and (test := assemble(context, jobs.keys[name], node, entry)) is not None:
            tests.append(test)
    return tuple(tests)
