"""``list``, ``validate`` and ``schema``: what is in a matrix file, without running anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from farm.cli import options
from farm.errors import FarmError, UsageError

if TYPE_CHECKING:
    from farm.matrix.document import Matrix
    from farm.matrix.problems import Problem
    from farm.model.job import Job


COLUMNS = (
    "job", "test", "distro", "summary", "cpus", "memory", "pids", "timeout", "network", "priority", "tags", "needs", "note",
    "where",
)  # fmt: skip
"""What ``list --columns`` can show."""
_USUAL = ("job", "cpus", "memory", "timeout", "tags", "needs", "note")
_ALWAYS = frozenset(_USUAL[:4])


def _chosen(text: str) -> tuple[str, ...]:
    """The type of ``--columns``."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in COLUMNS:
            raise click.BadParameter(f"no column is called {name!r}; there are {', '.join(COLUMNS)}")
    return names


@click.command(name="list")
@options.selection
@click.option("--columns", type=_chosen, metavar="NAMES", help=f"Which, separated by commas: {', '.join(COLUMNS)}.")
@options.table_format
@options.as_json
def list_jobs(
    matrix: str,
    keyword: str | None,
    distros: tuple[str, ...],
    tags: tuple[str, ...],
    jobs: tuple[str, ...],
    columns: tuple[str, ...] | None,
    style: str,
    as_json: bool,
) -> int:
    """Show the jobs of MATRIX that would run.

    Those that are skipped before the run, for their if is false, are there with the reason.

    \b
    farm list -k 'unit and not alpine' -t smoke
    farm list --columns job,summary,where --format github
    farm list --json | jq -r '.[].id'
    """
    from farm.app.planning import named
    from farm.matrix.expand import expand
    from farm.matrix.load import load
    from farm.matrix.select import select

    loaded = load(matrix, options.catalogue())
    every = expand(loaded)
    found = select(every, keyword, distros, tags)
    if jobs:
        found = named(found, jobs, every)
    if as_json:
        click.echo(json.dumps([_document(job) for job in found], indent=2, ensure_ascii=False))
    else:
        click.echo(_table(found, style, columns or ()))
        click.echo(_counted(len(found), "job"))
        warn(loaded)
    return 0 if found else 5


@click.command()
@options.matrix_argument
@options.as_json
def validate(matrix: str, as_json: bool) -> int:
    """Check MATRIX, and show every error in it at once.

    With --json there is one document on standard output, also where the file is wrong; the exit code is 4 then.

    \b
    farm validate
    farm validate nightly.yaml --json | jq '.errors[] | "\\(.line): \\(.message)"'
    """
    try:
        loaded, jobs = _checked(matrix)
    except UsageError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"file": matrix, "errors": _errors(error), "warnings": []}, indent=2, ensure_ascii=False))
        return 4
    if as_json:
        found = {"file": matrix, "jobs": len(jobs), "distros": [distro.name for distro in loaded.distros]}
        warnings = [_problem(problem) for problem in loaded.warnings]
        click.echo(json.dumps({**found, "errors": [], "warnings": warnings}, indent=2, ensure_ascii=False))
    else:
        warn(loaded)
        counted = f"{_counted(len(jobs), 'job')} on {_counted(len(loaded.distros), 'distro')}"
        warned = f", {_counted(len(loaded.warnings), 'warning')}" if loaded.warnings else ""
        click.echo(f"{matrix}: {counted}, no errors{warned}")
    return 0


@click.command()
def schema() -> None:
    """Print the JSON Schema of matrix files, for editors.

    \b
    farm schema > farm.schema.json
    and at the top of matrix.yaml:  # yaml-language-server: $schema=farm.schema.json
    """
    from farm.matrix.json_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


def warn(matrix: Matrix) -> None:
    """Say on stderr what is odd about the file."""
    for problem in matrix.warnings:
        click.echo(f"warning: {problem}", err=True)


def _checked(path: str) -> tuple[Matrix, tuple[Job, ...]]:
    from farm.app.digests import check_digests
    from farm.image.digests import DigestCache
    from farm.image.store import Store
    from farm.matrix.expand import expand
    from farm.matrix.load import load

    loaded = load(path, options.catalogue())
    check_digests(loaded.distros, DigestCache(Store(options.home()).digests_dir))
    return loaded, expand(loaded)


def _table(jobs: Sequence[Job], style: str, columns: Sequence[str]) -> str:
    """One row a job. Without ``columns`` those of interest, and of these none that would be empty."""
    from tabulate import tabulate

    shown = columns or _USUAL
    rows = [_cells(job) for job in jobs]
    kept = [name for name in shown if columns or name in _ALWAYS or any(row[name] for row in rows)]
    return tabulate([[row[name] for name in kept] for row in rows], kept, tablefmt=style, disable_numparse=True)


def _cells(job: Job) -> dict[str, str]:
    """What each of ``COLUMNS`` has of it."""
    from farm.matrix.problems import printable
    from farm.units import format_bytes, format_duration

    more = f" and {len(job.needs) - 1} more" if len(job.needs) > 1 else ""
    return {
        "job": job.id,
        "test": job.test,
        "distro": job.distro,
        "summary": printable(job.summary),
        "cpus": f"{job.limits.cpus:g}",
        "memory": format_bytes(job.limits.memory_bytes),
        "pids": str(job.limits.pids),
        "timeout": format_duration(job.timeout_s),
        "network": job.network.value,
        "priority": str(job.priority),
        "tags": " ".join(job.tags),
        "needs": f"{job.needs[0]}{more}" if job.needs else "",
        "note": printable(_note(job)),
        "where": printable(job.where),
    }


def _note(job: Job) -> str:
    if job.condition:
        return f"if {job.condition}" if job.late else f"skipped: {job.condition}"
    return "" if job.expect.value == "pass" else f"expect: {job.expect.value}"


def _document(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "test": job.test,
        "distro": job.distro,
        "axes": dict(job.axes),
        "shard": {"index": job.shard.index, "total": job.shard.total} if job.shard else None,
        "summary": job.summary,
        "tags": job.tags,
        "needs": job.needs,
        "cpus": job.limits.cpus,
        "memory_bytes": job.limits.memory_bytes,
        "pids": job.limits.pids,
        "timeout_s": job.timeout_s,
        "network": job.network.value,
        "expect": job.expect.value,
        "priority": job.priority,
        "skipped": "" if job.late else job.condition,
        "if": job.condition if job.late else "",
        "where": job.where,
    }


def _errors(error: FarmError) -> list[dict[str, object]]:
    from farm.matrix.problems import MatrixError

    if isinstance(error, MatrixError):
        return [_problem(problem) for problem in error.problems]
    message = ": ".join(part for part in (error.brief, error.detail) if part)
    return [{"file": "", "line": 0, "column": 0, "message": message, "remedy": error.remedy}]


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "remedy": problem.remedy,
    }


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
