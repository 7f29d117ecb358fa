"""What GitHub Actions shows of a run: a summary in Markdown, and annotations at lines of the matrix file. Pure.

Whatever a name or a reason holds, neither Markdown nor the runner obeys it: of cells everything but letters, digits and a few
signs is written as a reference to its character, and annotations are escaped as the runner's own toolkit does it.
"""

from __future__ import annotations

import tabulate

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import summary, words
from farm.report.places import below, line_of
from farm.report.repro import repro
from farm.report.text import line
from farm.units import format_duration

_MOST_ROWS = 100  # of three cells, up to nine bytes a letter: GitHub drops a summary beyond 1 MiB
_MOST_LETTERS = 200
_MOST_ANNOTATIONS = 10  # GitHub shows no more of a step
_MOST_NAMES = 10
_PLAIN = frozenset(" -/=,")


def markdown(record: RunRecord, project: str) -> str:
    """The verdict, how many jobs ended how, and each bad one with the command that, from ``project``, runs it again."""
    bad = summary.failures(record.jobs)
    total = words.count(len(record.jobs), "job", "jobs")
    said = f"{len(bad)} of {total} bad" if bad else f"{total}, {summary.status_of(record)}"
    took = f" in {format_duration(record.duration_s)}" if record.duration_s is not None else ""
    parts = [f"### {_cell(record.info.name or record.info.id)}: {said}{took}"]
    rows = [(outcome.value, str(number)) for outcome, number in summary.counts(record.jobs).items()]
    unfinished = sum(each.outcome is None for each in record.jobs)
    parts.append(_table(("outcome", "jobs"), [*rows, *([("not run", str(unfinished))] if unfinished else [])]))
    if bad:
        shown = [_row(record, each, project) for each in bad[:_MOST_ROWS]]
        parts.append(_table(("job", "outcome", "why", "again"), shown))
    if len(bad) > _MOST_ROWS:
        parts.append(f"and {len(bad) - _MOST_ROWS} more in the report")
    return "\n\n".join(parts) + "\n"


def commands(record: RunRecord, project: str) -> tuple[str, ...]:
    """A line for the runner for each place of the matrix file that has bad jobs, the first ten of them.

    Places are named from ``project``, the absolute path of the checked-out folder; those elsewhere have no name.
    """
    places: dict[str, list[JobRecord]] = {}
    for each in summary.failures(record.jobs):
        places.setdefault(each.job.where or each.job.test, []).append(each)
    path = line(below(project, record.info.matrix_path))
    return tuple(_annotation(path, bad) for bad in list(places.values())[:_MOST_ANNOTATIONS])


def _annotation(path: str, bad: list[JobRecord]) -> str:
    job = bad[0].job
    number = line_of(job.where)
    place = [f"file={_property(path)}", *([f"line={number}"] if number else [])] if path else []
    title = f"{job.test}: {words.count(len(bad), 'job', 'jobs')} bad"
    names = [f"{line(each.job.id)}: {_why(each)}" for each in bad[:_MOST_NAMES]]
    more = [f"and {len(bad) - _MOST_NAMES} more"] if len(bad) > _MOST_NAMES else []
    return f"::error {','.join([*place, f'title={_property(line(title))}'])}::{_data(chr(10).join([*names, *more]))}"


def _row(record: RunRecord, each: JobRecord, project: str) -> tuple[str, ...]:
    again = repro(record.info, each.job, directory=project)
    outcome = each.outcome or Outcome.ERROR
    return _cell(each.job.id), outcome.value, _cell(_why(each)), f"<code>{_cell(again)}</code>"


def _why(record: JobRecord) -> str:
    told = line(words.told(record.reason, record.attempts[-1] if record.attempts else None))
    return told or (record.outcome or Outcome.ERROR).value


def _table(headers: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return tabulate.tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def _cell(text: str) -> str:
    """``text``, cut where it is long, so that Markdown and HTML show it and obey nothing of it."""
    shown = line(text)
    shown = shown if len(shown) <= _MOST_LETTERS else f"{shown[: _MOST_LETTERS - 1]}…"
    return "".join(each if each.isalnum() or each in _PLAIN else f"&#{ord(each)};" for each in shown)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
