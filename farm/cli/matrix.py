"""``list`` and ``validate``: what is said of a matrix file."""

from __future__ import annotations

import click

from farm.cli import options


@click.command(name="list")
@options.selection
@options.table_format
def list_jobs(
    matrix: str,
    keyword: str | None,
    distros: tuple[str, ...],
    tags: tuple[str, ...],
    jobs: tuple[str, ...],
    style: str,
) -> int:
    """Show the jobs of MATRIX that would run."""
    from tabulate import tabulate

    from farm.app.planning import named
    from farm.matrix.expand import expand
    from farm.matrix.load import load
    from farm.matrix.select import select
    from farm.units import format_bytes, format_duration

    every = expand(load(matrix, options.catalogue()))
    selected = select(every, keyword, distros, tags)
    if jobs:
        selected = named(selected, jobs, every)
    rows = [
        (job.id, f"{job.limits.cpus:g}", format_bytes(job.limits.memory_bytes), format_duration(job.timeout_s))
        for job in selected
    ]
    click.echo(tabulate(rows, ("job", "cpus", "memory", "timeout"), tablefmt=style, disable_numparse=True))
    click.echo(_counted(len(selected), "job"))
    return 0 if selected else 5


@click.command()
@click.argument("matrix", default="matrix.yaml")
def validate(matrix: str) -> None:
    """Check MATRIX, and show every error in it at once."""
    from farm.app.digests import check_digests
    from farm.image.digests import DigestCache
    from farm.image.store import Store
    from farm.matrix.expand import expand
    from farm.matrix.load import load

    loaded = load(matrix, options.catalogue())
    check_digests(loaded.distros, DigestCache(Store(options.home()).digests_dir))
    jobs, distros = _counted(len(expand(loaded)), "job"), _counted(len(loaded.distros), "distro")
    click.echo(f"{matrix}: {jobs} on {distros}, no errors")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
