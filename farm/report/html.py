"""``index.html``: one page that needs nothing but itself, no script and no request.

Its content-security policy allows the one style sheet in it, by digest, and nothing else: whatever a log smuggles past the
escaping stays text. Its cost is bounded: 300 failures are told at length, the first hundred with 200 lines of their logs,
the others with 20; logs are linked whole. A browser draws the parts of a long page only when they are looked at.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import os
import shlex
from collections.abc import Iterator
from functools import partial
from importlib import resources

import jinja2
from markupsafe import Markup

from farm.model.artifact import Case, CaseOutcome
from farm.model.job import Attempt, Job
from farm.model.run import RunInfo, RunRecord
from farm.report import cases, summary, text, words
from farm.report.compiled import Compiled
from farm.report.logs import Tail, tail
from farm.report.page import Entry, Page, href
from farm.report.repro import repro
from farm.units import format_bytes, format_duration

_LOG_LINES = 200
_SHORT_LOG_LINES = 20
_LONG_LOGS = 100
_SLOWEST = 5
_CASES = 30
_VERDICTS = {
    summary.Status.GOOD: "all good",
    summary.Status.BAD: "failures",
    summary.Status.INTERRUPTED: "interrupted",
    summary.Status.EMPTY: "nothing ran",
    summary.Status.INFRASTRUCTURE: "infrastructure errors",
    summary.Status.DEADLINE: "deadline passed",
    summary.Status.ABORTED: "aborted",
}


def render(record: RunRecord, run_dir: str) -> Iterator[bytes]:
    """The run as a page in UTF-8, in parts; the ends of bad jobs' logs are read from ``run_dir``."""
    style = resources.files("farm.report").joinpath("templates/style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    status = summary.status_of(record)
    shown = Page.of(record)
    started = datetime.datetime.fromtimestamp(record.info.started_at, datetime.UTC)
    stream = (
        _environment()
        .get_template("index.html.j2")
        .stream(
            # The project's own file, and the only text that is not escaped.
            style=Markup(style),
            style_digest=digest,
            record=record,
            info=record.info,
            status=status,
            verdict=_VERDICTS[status],
            page=shown,
            grid=shown.grid(),
            started=started.strftime("%Y-%m-%d %H:%M:%S UTC"),
            command=shlex.join(record.info.command_line),
            weaknesses=words.weaknesses(record.info),
            weakened=summary.weakened(record.jobs),
            cards=_cards(shown, run_dir),
            slowest=[shown.entry(each) for each in summary.slowest(record.jobs, _SLOWEST)],
            failing=partial(_failing, run_dir),
            most_cases=_CASES,
        )
    )
    stream.enable_buffering(200)
    for part in stream:
        yield part.encode("utf-8", "replace")


def _cards(page: Page, run_dir: str) -> Iterator[tuple[list[Entry], Tail]]:
    for position, card in enumerate(page.cards):
        lines = _LOG_LINES if position < _LONG_LOGS else _SHORT_LOG_LINES
        path = card[0].attempts[-1].log_path if card[0].attempts else ""
        yield [page.entry(each) for each in card], tail(run_dir, path, lines)


def _failing(run_dir: str, attempt: Attempt | None) -> list[Case]:
    """The test cases that the attempt left behind and that did not pass."""
    if attempt is None or not attempt.cases_path:
        return []
    bad = (CaseOutcome.FAILED, CaseOutcome.ERROR)
    return [each for each in cases.load(run_dir, attempt.cases_path) if each.outcome in bad]


def _again(info: RunInfo, job: Job) -> str:
    """As typed where the matrix file is: a page has no folder of its reader's."""
    return repro(info, job, directory=os.path.dirname(info.matrix_path))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("farm.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.bytecode_cache = Compiled(
        str(resources.files("farm.report").joinpath("templates")),
        repr((environment.autoescape, environment.trim_blocks, environment.lstrip_blocks)),
    )
    environment.filters.update(line=text.line, body=text.body, duration=format_duration, size=format_bytes)
    environment.globals.update(
        href=href,
        ending=words.ending,
        measures=words.measures,
        opted_out=words.opted_out,
        trouble=words.trouble,
        shell=shlex.join,
        again=_again,
    )
    return environment
