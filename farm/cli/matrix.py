"""``run``: the jobs of a matrix file, and a report."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from farm.cli import options

if TYPE_CHECKING:
    from farm.app.run import Ui

KINDS = ("auto", "live", "plain", "quiet")


@click.command()
@options.selection
@click.option("-j", "--jobs", "slots", type=click.IntRange(1), metavar="N", help="Up to N jobs at once.")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where reports go.")
@click.option(
    "--overcommit-cpu",
    type=options.factor,
    metavar="FACTOR",
    help="Cpu quotas may add up to FACTOR times the cores; 8, with -j no bound.",
)
@click.option(
    "--overcommit-memory",
    type=options.factor,
    metavar="FACTOR",
    help="The same of memory and what is available; 4, with -j 16.",
)
@click.option("--locked", is_flag=True, help="Refuse images that are not those of the lock file (farm image lock).")
@click.option("--ui", "kind", type=click.Choice(KINDS), default="auto", show_default=True, help="What to show.")
@click.option("-q", "--quiet", "kind", flag_value="quiet", help="The same as --ui quiet: only what went wrong.")
def run(
    matrix: str,
    keyword: str | None,
    distros: tuple[str, ...],
    tags: tuple[str, ...],
    slots: int | None,
    reports: str,
    overcommit_cpu: float | None,
    overcommit_memory: float | None,
    locked: bool,
    kind: str,
) -> int:
    """Run the jobs of MATRIX and write a report.

    Ctrl-C waits for what runs and starts nothing more, a second one ends everything; the report is written in both cases.

    Exit codes: 0 good, 1 a job was bad, 2 interrupted, 3 a bug in the farm, 4 usage or matrix error, 5 nothing selected, 6
    only the farm's own errors.
    """
    from farm.app import run as app

    asked = app.RunOptions(
        matrix=matrix,
        home=options.home(),
        reports=reports,
        keyword=keyword,
        distros=distros,
        tags=tags,
        slots=slots,
        cpu_overcommit=overcommit_cpu,
        memory_overcommit=overcommit_memory,
        catalogue=options.catalogue(),
        locked=locked,
        argv=tuple(sys.argv[1:]),
    )
    outcome = app.run(asked, _ui(kind))
    if outcome.exit_code == app.NOTHING_SELECTED:
        click.echo("error: no job was selected\nfarm list shows what there is", err=True)
    return outcome.exit_code


def _ui(kind: str) -> Ui:
    """``auto`` is a live screen on a terminal that can draw one and plain lines elsewhere."""
    from farm.report.terminal import PlainUi, QuietUi

    if kind == "quiet":
        return QuietUi(sys.stdout)
    if kind == "live" or (kind == "auto" and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"):
        # rich takes a tenth of a second that a cron job need not wait for.
        from farm.report.live import LiveUi

        return LiveUi(sys.stdout)
    return PlainUi(sys.stdout)
