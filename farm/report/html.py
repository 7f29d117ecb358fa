"""``index.html``: one page that needs nothing but itself, no script and no request.

Its content-security policy allows the one style sheet in it, by digest, and nothing else: whatever a log smuggles past the
escaping stays text. Cost grows with failures, not with logs: the first hundred failures show 200 lines of theirs, later
ones 20; all are linked whole.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import shlex
from importlib import resources

import jinja2
from markupsafe import Markup

from farm.model.run import RunRecord
from farm.report import page, summary, text, words
from farm.report.logs import Tail, tail
from farm.units import format_bytes, format_duration

_LOG_LINES = 200
_SHORT_LOG_LINES = 20
_LONG_LOGS = 100
_SLOWEST = 5
_VERDICTS = {
    summary.Status.GOOD: "all good",
    summary.Status.BAD: "failures",
    summary.Status.INTERRUPTED: "interrupted",
    summary.Status.EMPTY: "nothing ran",
    summary.Status.INFRASTRUCTURE: "infrastructure errors",
    summary.Status.DEADLINE: "deadline passed",
}


def render(record: RunRecord, run_dir: str) -> bytes:
    """The run as a page in UTF-8; the ends of bad jobs' logs are read from ``run_dir``, whole logs are linked."""
    style = resources.files("farm.report").joinpath("templates/style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    status = summary.status_of(record)
    numbers = {each.job.id: number for number, each in enumerate(record.jobs)}
    bad = summary.failures(record.jobs)
    started = datetime.datetime.fromtimestamp(record.info.started_at, datetime.UTC)
    drawn = _environment().get_template("index.html.j2")
    parts = drawn.generate(
        # The project's own file, and the only text that is not escaped.
        style=Markup(style),
        style_digest=digest,
        record=record,
        info=record.info,
        status=status,
        verdict=_VERDICTS[status],
        legend=page.legend(record),
        bad_total=len(bad),
        started=started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        command=shlex.join(record.info.command_line),
        weakened=page.weakened(record.jobs),
        grid=page.grid(record),
        failures=(
            (
                page.entry(each, numbers[each.job.id]),
                _log(each.attempts[-1].log_path if each.attempts else "", i, run_dir),
            )
            for i, each in enumerate(bad)
        ),
        slowest=[page.entry(each, numbers[each.job.id]) for each in summary.slowest(record.jobs, _SLOWEST)],
        entries=page.entries(record),
    )
    return "".join(parts).encode("utf-8", "replace")


def _log(log_path: str, position: int, run_dir: str) -> Tail:
    return tail(run_dir, log_path, _LOG_LINES if position < _LONG_LOGS else _SHORT_LOG_LINES)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("farm.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(line=text.line, body=text.body, duration=format_duration, size=format_bytes)
    environment.globals.update(
        href=page.href, ending=words.ending, measures=words.measures, opted_out=words.opted_out, shell=shlex.join
    )
    return environment
