"""``history`` and ``flaky``: what the history of a folder of reports has to say."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from farm.cli import complete, options, tables
from farm.errors import UsageError

if TYPE_CHECKING:
    from farm.journal.history_reader import End, HistoryReader, PastRun
    from farm.journal.trends import Trend
    from farm.model.outcome import Outcome


@click.command()
@click.argument("job", shell_complete=complete.complete_known_jobs)
@click.option(
    "-n", "--last", type=click.IntRange(1), default=30, show_default=True, metavar="N", help="So many results."
)
@options.reports_folder
@options.table_format
@options.as_json
def history(job: str, last: int, reports: str, style: str, as_json: bool) -> None:
    """Show how JOB ended in the runs so far, and what it took.

    The first lines draw it, oldest first: a letter for each outcome, capitals for bad ones, and a block for each duration.

    \b
    farm history unit/alpine-3.19
    farm history 'unit/debian-12[opt=O2]' -n 100 --format github
    """
    from farm.app.nearest import no_job
    from farm.journal.trends import course, trend
    from farm.schedule.repeat import first_id

    name = first_id(job)
    with _history(reports) as found:
        jobs = found.jobs()
        if name not in jobs:
            raise no_job(name, jobs, "farm flaky and farm list show ids")
        ends = course(found, jobs[name], last)
        late = trend(found, name, jobs[name])
    if as_json:
        rows = [
            {"run": run.id, "matrix": run.matrix, "started_at": run.started_at, **_ended_document(end)}
            for run, end in ends
        ]
        click.echo(
            json.dumps({"job": name, "flakiness": late.flakiness.score if late else None, "results": rows}, indent=2)
        )
        return
    _plot(name, ends, late)
    _table_of_ends(ends, style)


@click.command()
@click.option(
    "-n", "--most", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="So many at most."
)
@options.reports_folder
@options.table_format
@options.as_json
def flaky(most: int, reports: str, style: str, as_json: bool) -> None:
    """Show the jobs that change between good and bad by themselves.

    Those first that do so most certainly. Flakiness is the share of steps from one result to the next, in the last 30 runs,
    that took an earlier change back or were a pass after a bad attempt; of fewer than five results nothing is said.

    \b
    farm flaky
    farm flaky --json | jq -r '.[] | select(.flakiness > 0.2) | .job'
    """
    from farm.journal.trends import flaky as find

    with _history(reports) as found:
        trends = find(found)
    if as_json:
        click.echo(json.dumps([_trend_document(each) for each in trends[:most]], indent=2))
    elif not trends:
        click.echo("no job is flaky")
    else:
        _table_of_trends(trends[:most], style)
        if len(trends) > most:
            click.echo(f"and {len(trends) - most} more")


@contextmanager
def _history(reports: str) -> Iterator[HistoryReader]:
    from farm.journal.history_file import FILE
    from farm.journal.history_reader import reading

    path = os.path.join(reports, FILE)
    with reading(path) as found:
        if found is None:
            raise UsageError("there is no history of runs yet", path, "name the folder of reports with --reports")
        yield found


def _plot(name: str, ends: Sequence[tuple[PastRun, End]], late: Trend | None) -> None:
    from farm.report import spark
    from farm.report.text import line
    from farm.units import format_duration

    outcomes = [end.outcome for _, end in ends]
    took_s = [end.duration_s for _, end in ends]
    told = f"{sum(each.bad for each in outcomes)} of {len(outcomes)} bad"
    if late is not None and late.flakiness.score is not None:
        told += f", flakiness {_percent(late.flakiness.score)} ({late.flakiness.said})"
    click.echo(line(name))
    click.echo(f"  outcome  {_coloured(outcomes)}  {told}")
    if took_s:
        least, most = format_duration(min(took_s)), format_duration(max(took_s))
        click.echo(f"  took     {spark.heights(took_s, _blocks())}  {least} to {most}")
    click.echo()


def _table_of_ends(ends: Sequence[tuple[PastRun, End]], style: str) -> None:
    from tabulate import tabulate

    from farm.report.text import line
    from farm.units import format_duration

    several = len({run.matrix for run, _ in ends}) > 1
    header = ["run", "began", "outcome", "took", "attempts", *(["matrix"] if several else [])]
    rows = [
        [
            line(run.id),
            _moment(run.started_at),
            end.outcome.value,
            format_duration(end.duration_s),
            "" if end.attempts is None else str(end.attempts),
            *([line(run.matrix)] if several else []),
        ]
        for run, end in reversed(ends)
    ]
    click.echo(tabulate(rows, header, tablefmt=style, disable_numparse=True))


def _table_of_trends(trends: Sequence[Trend], style: str) -> None:
    from farm.report.spark import letters
    from farm.report.text import line

    several = len({each.matrix for each in trends}) > 1
    header = ["flakiness", "turns", "outcomes", *(["matrix"] if several else []), "job"]
    rows = [
        [
            _percent(each.flakiness.score or 0.0),
            each.flakiness.said,
            letters(each.outcomes),
            *([line(each.matrix)] if several else []),
            line(each.job_id),
        ]
        for each in trends
    ]
    click.echo(tables.table(rows, header, style, [None] * (len(header) - 1), tables.columns()))


def _ended_document(end: End) -> dict[str, object]:
    return {"outcome": end.outcome, "duration_s": end.duration_s, "attempts": end.attempts}


def _trend_document(each: Trend) -> dict[str, object]:
    return {
        "job": each.job_id,
        "matrix": each.matrix,
        "flakiness": each.flakiness.score,
        "results": each.flakiness.results,
        "turns": each.flakiness.turns,
        "passed_again": each.flakiness.passed_again,
        "at_least": each.flakiness.rank,
        "outcomes": each.outcomes,
        "last_run": each.last.id,
    }


def _coloured(outcomes: Sequence[Outcome]) -> str:
    from farm.report.spark import letters

    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return letters(outcomes)
    from farm.report.closing import painted

    return "".join(painted(letters([each]), each, colour=True) for each in outcomes)


def _blocks() -> str:
    from farm.report.spark import BLOCKS, DIGITS

    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return DIGITS
    return BLOCKS


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
