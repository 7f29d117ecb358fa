"""``logs`` and ``repro``: one job of a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import click

from farm.cli.complete import complete_jobs, complete_runs

_REPORTS = click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where reports are.")
_RUN = click.option(
    "--run",
    metavar="RUN",
    shell_complete=complete_runs,
    help="The id of a run or the beginning of one; without it the newest.",
)


@click.command()
@click.argument("job", shell_complete=complete_jobs)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Which attempt; without it the last.")
@click.option("--json", "as_json", is_flag=True, help="For programs: where the logs of its attempts are.")
@_RUN
@_REPORTS
def logs(job: str, follow: bool, attempt: int | None, as_json: bool, run: str | None, reports: str) -> None:
    """Show what JOB printed, also while it runs.

    \b
    farm logs unit/alpine-3.19
    farm logs -f 'unit/debian-12[opt=O2]' --run 20260102T030405Z
    """
    from farm.app.past import find_job, show_log

    found = find_job(reports, job, run)
    numbers = found.attempts()
    if as_json:
        ended = {each.number: each for each in found.record.attempts}
        rows = [
            {
                "attempt": each,
                "path": found.log(each),
                "outcome": ended[each].outcome if each in ended else None,
                "reason": ended[each].reason if each in ended else "",
            }
            for each in numbers
        ]
        document = {"run": found.info.id, "job": job, "outcome": found.record.outcome, "attempts": rows}
        click.echo(json.dumps(document, indent=2))
        return
    try:
        show_log(found, attempt or (numbers[-1] if numbers else 1), _writer(), follow=follow)
    except KeyboardInterrupt:
        if not follow:
            raise


@click.command()
@click.argument("job", shell_complete=complete_jobs)
@click.option("--json", "as_json", is_flag=True, help="For programs: the command and its job's outcome.")
@_RUN
@_REPORTS
def repro(job: str, as_json: bool, run: str | None, reports: str) -> None:
    """Print the command that runs just JOB again, and what it needs.

    \b
    farm repro unit/alpine-3.19
    sh -c "$(farm repro unit/alpine-3.19)"
    """
    from farm.app.past import find_job
    from farm.report.repro import here
    from farm.report.repro import repro as command

    found = find_job(reports, job, run)
    line = command(found.info, found.record.job, directory=here())
    if as_json:
        document = {"run": found.info.id, "job": job, "outcome": found.record.outcome, "command": line}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(line)


def _writer() -> Callable[[bytes], None]:
    """Bytes as they are to a pipe or a file; on a terminal, which would obey some of them, as text that is safe to show."""
    if not sys.stdout.isatty():

        def plain(piece: bytes) -> None:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()

        return plain
    import codecs

    from farm.report.text import body

    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return lambda piece: click.echo(body(decoder.decode(piece)), nl=False)
