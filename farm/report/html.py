"""``index.html``: one file that needs nothing but itself and makes no request.

Its content-security policy allows the one style sheet and the one script in it, by digest, and nothing else: whatever a log
smuggles past the escaping stays text. What the script shows lies in it as compressed blocks (``farm.report.page``), unpacked
when they are asked for, and only what is in sight is drawn; so a page of 10,000 jobs is small and opens at once. Without a
script the summary and the failures are there all the same.

Its cost is bounded: the ends of 300 logs are in it, of bad jobs first, 200 lines of the first hundred and 20 of the others;
without a script, 20 lines of the first hundred failures, and the names of a thousand more. Logs are linked whole.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import shlex
from collections.abc import Iterator, Sequence
from importlib import resources

import jinja2
from markupsafe import Markup

from farm.model.memory import NO_MEMORY, Memory
from farm.model.run import RunRecord
from farm.report import summary, text, words
from farm.report.compiled import Compiled
from farm.report.findings import Group
from farm.report.page import data, detail, static
from farm.report.page.marks import href
from farm.units import format_bytes, format_duration

_STATIC_GROUPS = 20
_VERDICTS = {
    summary.Status.GOOD: "all good",
    summary.Status.BAD: "failures",
    summary.Status.INTERRUPTED: "interrupted",
    summary.Status.EMPTY: "nothing ran",
    summary.Status.INFRASTRUCTURE: "infrastructure errors",
    summary.Status.DEADLINE: "deadline passed",
    summary.Status.ABORTED: "aborted",
}


def render(
    record: RunRecord, run_dir: str, memory: Memory = NO_MEMORY, groups: Sequence[Group] = ()
) -> Iterator[bytes]:
    """The run as a page in UTF-8, in parts; the ends of bad jobs' logs are read from ``run_dir``.

    ``memory`` is what earlier runs say of its jobs, ``groups`` is what its failures have in common.
    """
    style, script = _style(), _script()
    status = summary.status_of(record)
    bad = summary.failures(record.jobs)
    alike = summary.alike(bad)
    numbers = {each.job.id: number for number, each in enumerate(record.jobs)}
    others, unnamed = static.others(alike)
    stream = (
        _environment()
        .get_template("index.html.j2")
        .stream(
            # The project's own files, and the only text that is not escaped.
            style=Markup(style),
            script=Markup(script),
            style_digest=_digest(style),
            script_digest=_digest(script),
            record=record,
            info=record.info,
            status=status,
            verdict=_VERDICTS[status],
            bad=len(bad),
            legend=static.legend(record),
            distros=len({each.job.distro for each in record.jobs}),
            started=datetime.datetime.fromtimestamp(record.info.started_at, datetime.UTC).strftime(
                "%Y-%m-%d %H:%M UTC"
            ),
            command=shlex.join(record.info.command_line),
            isolation=words.isolation(record.info),
            weaknesses=words.weaknesses(record.info),
            weakened=summary.weakened(record.jobs),
            groups=groups[:_STATIC_GROUPS],
            cards=static.cards(alike, numbers, run_dir),
            others=others,
            unnamed=unnamed,
            run_dir=run_dir,
            blocks=data.blocks(record, run_dir, memory, groups),
        )
    )
    stream.enable_buffering(200)
    for part in stream:
        yield part.encode("utf-8", "replace")


def _style() -> str:
    return resources.files("farm.report").joinpath("templates/style.css").read_text("utf-8")


def _script() -> str:
    """Its files in the order of their names, as one function that leaves no name behind."""
    folder = resources.files("farm.report").joinpath("templates/script")
    parts = sorted((each.name, each.read_text("utf-8")) for each in folder.iterdir() if each.name.endswith(".js"))
    return "(() => {\n'use strict';\n" + "\n".join(said for _, said in parts) + "})();\n"


def _digest(said: str) -> str:
    return base64.b64encode(hashlib.sha256(said.encode()).digest()).decode()


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
        mark=static.mark,
        where=static.where,
        measures=words.measures,
        opted_out=words.opted_out,
        trouble=words.trouble,
        shell=shlex.join,
        again=detail.again,
        failing=detail.failing,
    )
    return environment
