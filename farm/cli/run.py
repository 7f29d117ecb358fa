"""``run`` and ``rerun``."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from farm.cli import complete, options
from farm.errors import UsageError

if TYPE_CHECKING:
    from farm.app.options import RunOptions, RunOutcome, Ui
    from farm.model.run import Asked

KINDS = ("auto", "live", "plain", "quiet", "json")
JUNIT_DIALECTS = ("jenkins", "ant", "gitlab")
_UNTIL_FAIL_TIMES = 100
_WITH_RESUME = frozenset({"slots", "reports", "kind", "verbose", "keep", "resumed"})

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _showing(command: _Command) -> _Command:
    """What a run and its like show, and where they report."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Also say how well the host was used."),
        click.option("-q", "--quiet", "kind", flag_value="quiet", help="The same as --ui quiet: only what went wrong."),
        click.option("--ui", "kind", type=click.Choice(KINDS), default="auto", show_default=True, help="What to show."),
        click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where reports go."),
        click.option("-j", "--jobs", "slots", type=click.IntRange(1), metavar="N", help="Up to N jobs at once."),
    ):
        command = option(command)
    return command


@click.command()
@options.selection
@click.option("--lf", "last_failed", is_flag=True, help="Only what failed last time; all if nothing did.")
@click.option("--ff", "failed_first", is_flag=True, help="What failed last time first.")
@click.option("--shard", type=options.shard, metavar="I/N", help="The I-th of N parts, for N hosts; 1/4 is the first.")
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="Each job N times, in fresh containers.")
@click.option("--until-fail", is_flag=True, help=f"With --repeat N ({_UNTIL_FAIL_TIMES}): stop at the first bad one.")
@click.option(
    "--retries", type=click.IntRange(0), metavar="N", help="Up to N further attempts, whatever the file says."
)
@click.option("--fail-on-flaky", is_flag=True, help="A job that passes only after a bad attempt is bad.")
@click.option("-x", "--exitfirst", "max_fail", flag_value=1, type=int, help="The same as --maxfail 1.")
@click.option("--maxfail", "max_fail", type=click.IntRange(1), metavar="N", help="Stop after N bad jobs.")
@click.option(
    "--deadline", type=options.duration, metavar="TIME", help="End the run after so long, like 2h: exit code 7."
)
@click.option("--seed", type=int, metavar="N", help="Shuffle the jobs, with the same N the same way.")
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
@click.option("--reserve", type=options.reserve, metavar="WHAT", help="Not for jobs, like cpus=1,memory=2G.")
@click.option("--locked", is_flag=True, help="Refuse images that are not those of the lock file (farm image lock).")
@click.option(
    "--baseline",
    metavar="RUN",
    shell_complete=complete.complete_runs,
    help="Compare with RUN; without it with the last one that ended.",
)
@click.option(
    "--keep", type=click.Choice(["failed"]), help="Hold containers of failed jobs for farm shell JOB; see docs."
)
@click.option("--dry-run", is_flag=True, help="Show what would run, in order; nothing is made.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run, for programs.")
@click.option(
    "--resume",
    "resumed",
    metavar="RUN",
    shell_complete=complete.complete_runs,
    help="Go on with a run that was killed: what has no outcome yet.",
)
@click.option(
    "--junit-dialect",
    type=click.Choice(JUNIT_DIALECTS),
    default=JUNIT_DIALECTS[0],
    show_default=True,
    help="Who reads junit.xml.",
)
@_showing
def run(
    matrix: str,
    keyword: str | None,
    distros: tuple[str, ...],
    tags: tuple[str, ...],
    jobs: tuple[str, ...],
    last_failed: bool,
    failed_first: bool,
    shard: tuple[int, int] | None,
    repeat: int | None,
    until_fail: bool,
    retries: int | None,
    fail_on_flaky: bool,
    max_fail: int | None,
    deadline: float | None,
    seed: int | None,
    overcommit_cpu: float | None,
    overcommit_memory: float | None,
    reserve: tuple[float, int] | None,
    locked: bool,
    baseline: str | None,
    keep: str | None,
    dry_run: bool,
    as_json: bool,
    junit_dialect: str,
    resumed: str | None,
    slots: int | None,
    reports: str,
    kind: str,
    verbose: bool,
) -> int:
    """Run the jobs of MATRIX and write a report.

    Ctrl-C waits for what runs and starts nothing more, a second one ends everything; the report is written in both cases.

    Exit codes: 0 good, 1 a job was bad, 2 interrupted, 3 a bug in the farm, 4 usage or matrix error, 5 nothing selected, 6
    only the farm's own errors, 7 the deadline passed.

    \b
    farm run -k 'unit and not alpine' --lf -x
    farm run nightly.yaml --deadline 2h --retries 1 --shard 1/4
    farm run --resume latest
    """
    from farm.app import run as app
    from farm.model.rules import Shard
    from farm.model.run import Asked

    cpus, memory_bytes = reserve or (0.0, 0)
    asked = Asked(
        keyword=keyword,
        distros=distros,
        tags=tags,
        jobs=jobs,
        last_failed=last_failed,
        failed_first=failed_first,
        shard=Shard(*shard) if shard else None,
        repeat=repeat or (_UNTIL_FAIL_TIMES if until_fail else 1),
        slots=slots,
        cpu_overcommit=overcommit_cpu,
        memory_overcommit=overcommit_memory,
        reserve_cpus=cpus,
        reserve_memory_bytes=memory_bytes,
        retries=retries,
        max_fail=max_fail or int(until_fail),
        deadline_s=deadline,
        seed=seed,
        fail_on_flaky=fail_on_flaky,
        locked=locked,
        catalogue=options.catalogue(),
        baseline=baseline,
        junit_dialect=junit_dialect,
    )
    given = replace(
        _options(matrix, reports, asked, verbose=verbose),
        keep=keep is not None,
        waits=sys.stdin.isatty(),
    )
    if as_json and not dry_run:
        raise UsageError("--json belongs to --dry-run", "a run itself writes results.json into its folder")
    if resumed is not None:
        _refuse_beside_resume()
        return _reported(lambda: app.resume(given, resumed, ui(kind)), kind)
    if dry_run:
        return _show_plan(given, as_json=as_json)
    code = _reported(lambda: app.run(given, ui(kind)), kind)
    if code == app.NOTHING_SELECTED:
        click.echo("error: no job was selected\nfarm list shows what there is", err=True)
    return code


@click.command()
@click.argument("old", metavar="[RUN]", required=False, shell_complete=complete.complete_runs)
@click.option("--failed", is_flag=True, help="Only its jobs that were bad, or did not come to an end of their own.")
@click.option("--junit-dialect", type=click.Choice(JUNIT_DIALECTS), help="Who reads junit.xml; as it was.")
@_showing
def rerun(
    old: str | None,
    failed: bool,
    junit_dialect: str | None,
    slots: int | None,
    reports: str,
    kind: str,
    verbose: bool,
) -> int:
    """Run the jobs of an old run again, as a new run.

    RUN is the id of a run or the beginning of one, the newest where there is none. Its matrix file is read anew, and what
    else was asked of the run then is asked again.

    \b
    farm rerun --failed
    farm rerun 20260102T030405Z-3f2a -j 50
    """
    from farm.app.again import again
    from farm.app.run import run as run_app

    given = again(
        _options("", reports, None, verbose=verbose), old, failed=failed, slots=slots, junit_dialect=junit_dialect
    )
    if given is None:
        click.echo("nothing to run again: every job of that run was good", err=True)
        return 5
    return _reported(lambda: run_app(given, ui(kind)), kind)


def _options(matrix: str, reports: str, asked: Asked | None, *, verbose: bool) -> RunOptions:
    from farm.app.options import RunOptions
    from farm.model.run import Asked

    return RunOptions(matrix, options.home(), reports, asked or Asked(), tuple(sys.argv[1:]), verbose=verbose)


def _reported(run: Callable[[], RunOutcome], kind: str) -> int:
    """The exit code of ``run``, told to GitHub's runner as well where it runs there."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return run().exit_code
    from farm.app.github import tell

    # The runner obeys what it reads in a line after its blanks, and the end of a test's log is such lines.
    token = "" if kind == "json" else secrets.token_hex(16)
    if token:
        click.echo(f"::stop-commands::{token}")
    try:
        outcome = run()
    finally:
        if token:
            click.echo(f"::{token}::")
    if outcome.record is not None:
        # It reads stderr as well, and programs read stdout.
        for each in tell(outcome.record, os.environ):
            click.echo(each, err=True)
    return outcome.exit_code


def _refuse_beside_resume() -> None:
    """A resumed run is what it was: what would change that is refused rather than ignored."""
    context = click.get_current_context()
    given = [each for each in context.params if context.get_parameter_source(each) is ParameterSource.COMMANDLINE]
    for parameter in context.command.params:
        if parameter.name in given and parameter.name not in _WITH_RESUME:
            named = parameter.opts[0] if isinstance(parameter, click.Option) else str(parameter.name).upper()
            raise UsageError(
                f"{named} cannot be changed with --resume", "", "farm rerun makes a new run of the old jobs"
            )


def _show_plan(given: RunOptions, *, as_json: bool) -> int:
    from tabulate import tabulate

    from farm.app.planning import plan
    from farm.schedule.order import durations_s
    from farm.units import format_duration

    planned = plan(given, lambda text: click.echo(text, err=True))
    jobs = planned.in_order()
    known = planned.past.expected_s
    expected = dict(zip((job.id for job in jobs), durations_s(jobs, known), strict=True)) if known else {}
    if as_json:
        rows = [{"job": job.id, "needs": job.needs, "expected_s": expected.get(job.id)} for job in jobs]
        click.echo(json.dumps(rows, indent=2))
    else:
        cells = [(job.id, format_duration(expected[job.id]) if expected else "") for job in jobs]
        click.echo(tabulate(cells, ("job", "expected"), tablefmt="simple", disable_numparse=True))
        click.echo(f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'} would run")
    return 0 if jobs or planned.spare else 5


def ui(kind: str) -> Ui:
    """``auto`` is a live screen on a terminal that can draw one and plain lines elsewhere."""
    from farm.report.terminal import PlainUi, QuietUi

    if kind == "quiet":
        return QuietUi(sys.stdout)
    if kind == "json":
        # Nobody else needs it.
        from farm.report.events import JsonUi

        return JsonUi(sys.stdout)
    if kind == "live" or (kind == "auto" and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"):
        # rich takes a tenth of a second that a cron job need not wait for.
        from farm.report.live import LiveUi

        return LiveUi(sys.stdout)
    return PlainUi(sys.stdout)
