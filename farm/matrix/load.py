"""A matrix file to a ``Matrix``, or to every error in it at once."""

from __future__ import annotations

import os
from collections.abc import Sequence

from farm.matrix import schema
from farm.matrix.assemble import Context, assemble
from farm.matrix.catalogue import read_catalogue, select_distros
from farm.matrix.check import check
from farm.matrix.document import Matrix, PrepareStep, Template, Test
from farm.matrix.expand import expand
from farm.matrix.parts import env_templates
from farm.matrix.prepare_entry import prepare_step
from farm.matrix.problems import MatrixError, Problem
from farm.matrix.source import SourceText, read_source
from farm.matrix.tree import MappingNode, Node, SequenceNode, compose
from farm.model.distro import Distro, Source, SourceKind


def load(path: str, catalogue: Sequence[str] = ()) -> Matrix:
    """The matrix file at ``path``.

    ``catalogue`` are further folders of distro definitions (those of ``FARM_DISTROS``), looked in after ``distros/``
    beside the file. Raises ``MatrixError`` with every problem, those that only expansion shows included.
    """
    source = read_source(path)
    root, found = compose(source)
    problems = list(found)
    matrix = _matrix(path, source, root, catalogue, problems)
    if not problems and matrix is not None:
        return matrix
    if matrix is not None:
        # The file is refused anyway; what its sound jobs would say on expansion belongs in the same list.
        try:
            expand(matrix)
        except MatrixError as error:
            problems.extend(error.problems)
    raise MatrixError(tuple(problems))


def _matrix(
    path: str, source: SourceText, root: Node, catalogue: Sequence[str], problems: list[Problem]
) -> Matrix | None:
    """What of the file is sound; None where it is not a mapping at all."""
    file = check(source, root, schema.MatrixFile, "a matrix file", problems)
    if not isinstance(root, MappingNode):
        return None
    before = len(problems)
    distros = _distros(path, source, root, catalogue, problems)
    lenient = len(problems) > before or not distros
    defaults, env, whole = _shared(source, root, problems)
    prepare = _prepare(source, root, defaults, problems)
    if lenient and not distros:
        # A stand-in, so that templates are looked at all the same; the file is refused anyway.
        distros = (Distro("host", (Source(SourceKind.HOST),)),)
    names = tuple(distro.name for distro in distros)
    tests = _tests(Context(source, root, names, defaults, env, lenient, prepare), problems)
    name = (file.name if file else None) or os.path.splitext(os.path.basename(path))[0]
    # Without all of the shared env a sound template would seem to use undefined names: nothing is expanded then.
    return Matrix(path, name, source, distros, tests if whole else ())


def _distros(
    path: str, source: SourceText, root: MappingNode, catalogue: Sequence[str], problems: list[Problem]
) -> tuple[Distro, ...]:
    items = root.values.get("distros")
    if not isinstance(items, SequenceNode):
        return ()
    if not items.items:
        problems.append(source.problem(items.place, "an empty list leaves no distro to run on"))
    beside = os.path.join(os.path.dirname(path), "distros")
    folders = ([beside] if os.path.isdir(beside) else []) + list(catalogue)
    return select_distros(source, items, read_catalogue(folders, problems), problems)


def _shared(
    source: SourceText, root: MappingNode, problems: list[Problem]
) -> tuple[schema.Defaults, tuple[tuple[str, Template], ...], bool]:
    """The defaults, the env that all jobs share, and whether all of both is there."""
    env: tuple[tuple[str, Template], ...] = ()
    variables: schema.Variables | None = schema.Variables({})
    defaults: schema.Defaults | None = schema.Defaults()
    node = root.values.get("env")
    if isinstance(node, MappingNode):
        variables = check(source, node, schema.Variables, "env", problems)
        env += env_templates(source, root, ("env",), variables.root if variables else {}, problems)
    node = root.values.get("defaults")
    if isinstance(node, MappingNode):
        defaults = check(source, node, schema.Defaults, "defaults", problems)
        env += env_templates(source, root, ("defaults", "env"), defaults.env if defaults else {}, problems)
    return defaults or schema.Defaults(), env, None not in (variables, defaults)


def _prepare(
    source: SourceText, root: MappingNode, defaults: schema.Defaults, problems: list[Problem]
) -> PrepareStep | None:
    """That of the defaults, looked at once and not once a job."""
    if defaults.prepare is None:
        return None
    return prepare_step(source, root, ("defaults", "prepare"), defaults.prepare, problems)


def _tests(context: Context, problems: list[Problem]) -> tuple[Test, ...]:
    jobs = context.root.values.get("jobs")
    if not isinstance(jobs, MappingNode):
        return ()
    if not jobs.values:
        problems.append(context.source.problem(jobs.place, "there are no jobs"))
    tests = []
    for name, node in jobs.values.items():
        entry = check(context.source, node, schema.JobEntry, f"the job {name!r}", problems)
        if entry is not None and (test := assemble(context, jobs.keys[name], node, entry, problems)) is not None:
            tests.append(test)
    return tuple(tests)
