"""``index.html``: one page that needs nothing but itself."""

from __future__ import annotations

import datetime
import shlex
from urllib.parse import quote

import jinja2

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import summary
from farm.report.logs import tail, visible
from farm.units import format_bytes, format_duration

_LOG_LINES = 200
_LETTERS = dict(zip(Outcome, "PFTOESxXKC", strict=True))


def render(record: RunRecord, run_dir: str) -> str:
    """The run as a page; the ends of bad jobs' logs are read from ``run_dir``, whole logs are linked."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("farm.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(visible=visible, duration=format_duration, size=format_bytes)
    tests = list(dict.fromkeys(job.job.test for job in record.jobs))
    cells: dict[tuple[str, str], list[JobRecord]] = {}
    for job in record.jobs:
        cells.setdefault((job.job.distro, job.job.test), []).append(job)
    started = datetime.datetime.fromtimestamp(record.info.started_at, datetime.UTC)
    bad = summary.failures(record.jobs)
    anchors = {job.job.id: f"f{number}" for number, job in enumerate(bad)}
    return (
        environment.get_template("index.html.j2")
        .render(
            record=record,
            info=record.info,
            command=shlex.join(record.info.command_line),
            started=started.strftime("%Y-%m-%d %H:%M:%S UTC"),
            counts=summary.counts(record.jobs),
            tests=tests,
            distros=list(dict.fromkeys(job.job.distro for job in record.jobs)),
            cells=cells,
            letters=_LETTERS,
            anchors=anchors,
            failures=[(job, [(a, tail(run_dir, a.log_path, _LOG_LINES)) for a in job.attempts[-1:]]) for job in bad],
            weakened=[job.job for job in record.jobs if not job.job.no_new_privs or job.job.cap_add],
            link=lambda path: quote(path, errors="surrogatepass"),
        )
        .encode("utf-8", "replace")
        .decode()
    )
