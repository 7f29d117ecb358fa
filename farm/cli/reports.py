"""``report`` and ``merge``: reports of runs that have ended."""

from __future__ import annotations

import json
import os
import sys
import time
from urllib.parse import quote

import click

from farm.cli import complete, options
from farm.units import format_bytes


@click.command()
@click.argument("run", shell_complete=complete.complete_runs)
@click.option("--open", "opens", is_flag=True, help="And open it in a browser.")
@options.reports_folder
def report(run: str, opens: bool, reports: str) -> int:
    """Write the report of RUN anew, and print its path.

    It is made of the run's journal and of what the history knows of earlier runs; also that of a run that was killed. RUN is an
    id, the beginning of one, latest, which is the newest, or the path of a run's folder.

    \b
    farm report latest --open
    farm report ./from-ci/20260103T030405Z-51d0
    """
    from farm.app.rewriting import rewrite

    path = rewrite(reports, run, lambda text: click.echo(text, err=True))
    click.echo(path)
    if opens:
        import webbrowser  # half of the time that this command takes otherwise

        if not webbrowser.open(f"file://{quote(path)}"):
            click.echo("no browser was found: set BROWSER, or open this file yourself", err=True)
            return 1
    return 0


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete.complete_runs)
@click.option("--last", is_flag=True, help="Where they do not agree on a job, what ended last counts.")
@options.reports_folder
@options.as_json
def merge(runs: tuple[str, ...], last: bool, reports: str, as_json: bool) -> int:
    """Make one run of several, with one report.

    Such as the parts of --shard, from several hosts. RUN is an id, the beginning of one, or the path of a run's folder. The new
    run is in the folder of --reports, with the logs and artifacts of all; those that it is made of stay.

    Exit codes: those of farm run, for the whole.

    \b
    farm merge ./host-a/reports/latest ./host-b/reports/latest
    farm merge 20260102T030405Z 20260102T030407Z --json | jq -r .path
    """
    from farm.app.merge import merge as app
    from farm.report.terminal import PlainUi, QuietUi

    if as_json:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            outcome = app(reports, runs, QuietUi(nowhere), last=last)
        document = {"run": os.path.basename(outcome.run_dir), "path": outcome.run_dir, "exit_code": outcome.exit_code}
        click.echo(json.dumps(document, indent=2))
    else:
        outcome = app(reports, runs, PlainUi(sys.stdout), last=last)
    return outcome.exit_code


def remove_runs(reports: str, keep_s: float | None, keep_runs: int | None, *, dry_run: bool) -> int:
    """Part of ``farm gc``: how many went, or with ``dry_run`` would go."""
    from farm.app.clearing import Keep, old_runs, remove
    from farm.report.text import line

    count = 0
    for each in old_runs(reports, Keep(keep_s, keep_runs), time.time()):
        if not dry_run and not remove(each.path):
            continue
        count += 1
        word = "would remove" if dry_run else "removed"
        click.echo(f"{word} run {line(os.path.basename(each.path))}: {format_bytes(each.taken_bytes)}")
    return count
