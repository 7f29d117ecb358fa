"""What the page shows, decided before anything is drawn: frozen values for the template. Pure.

Text stays as it is: the template makes it safe. Anchors are numbers, never names: ``f7`` is the card of the job with
number 7 in the matrix, ``j7`` its row in the list of all jobs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from farm.model.job import Attempt
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import summary, words

NOT_RUN = "not run"
GLYPHS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.TIMEOUT: "T",
    Outcome.OOM: "M",
    Outcome.ERROR: "E",
    Outcome.SKIPPED: "S",
    Outcome.XFAILED: "x",
    Outcome.XPASSED: "X",
    Outcome.FLAKY: "~",
    Outcome.CANCELLED: "C",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A job in the grid or before its name: ``word`` is its outcome, and the name of its style."""

    word: str
    glyph: str
    href: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A test in the grid: its cells are in the order of the distros, each with a mark per value of the axes."""

    test: str
    summary: str
    cells: tuple[tuple[Mark, ...], ...]
    bad: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A job in the list of all."""

    number: int
    mark: Mark
    record: JobRecord
    duration_s: float
    attempt: Attempt | None
    log_href: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Distros and how many of their jobs are bad, and a row per test."""

    distros: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]


def href(path: str) -> str:
    """A file below the run's folder as a link from the page; never read as a scheme or an absolute path."""
    return f"./{quote(path, errors='surrogatepass')}" if path else ""


def mark(record: JobRecord, number: int) -> Mark:
    """The job's mark, linked to its card where it is bad and to its row where it is not."""
    bad = record.outcome is not None and record.outcome.bad
    word = record.outcome or NOT_RUN
    title = f"{record.job.id}: {word}" + (f", {record.reason}" if record.reason else "")
    return Mark(word, _glyph(record.outcome), f"#{'f' if bad else 'j'}{number}", title)


def legend(record: RunRecord) -> tuple[tuple[Mark, int], ...]:
    """Each outcome there is, what is bad first, with its number of jobs."""
    counts = summary.counts(record.jobs)
    unfinished = sum(job.outcome is None for job in record.jobs)
    found = [(Mark(outcome, GLYPHS[outcome]), counts[outcome]) for outcome in sorted(counts, key=lambda o: not o.bad)]
    return (*found, (Mark(NOT_RUN, "?"), unfinished)) if unfinished else tuple(found)


def grid(record: RunRecord) -> Grid:
    """Tests by distros, both in the order of the matrix."""
    distros: dict[str, int] = {}
    cells: dict[str, dict[str, list[Mark]]] = {}
    about: dict[str, str] = {}
    bad: dict[str, int] = {}
    for number, each in enumerate(record.jobs):
        job, failed = each.job, each.outcome is not None and each.outcome.bad
        distros[job.distro] = distros.get(job.distro, 0) + failed
        bad[job.test] = bad.get(job.test, 0) + failed
        about.setdefault(job.test, job.summary)
        cells.setdefault(job.test, {}).setdefault(job.distro, []).append(mark(each, number))
    rows = tuple(
        Row(test, about[test], tuple(tuple(found.get(distro, ())) for distro in distros), bad[test])
        for test, found in cells.items()
    )
    return Grid(tuple(distros.items()), rows)


def entries(record: RunRecord) -> dict[str, list[Entry]]:
    """All jobs, by test."""
    found: dict[str, list[Entry]] = {}
    for number, each in enumerate(record.jobs):
        found.setdefault(each.job.test, []).append(entry(each, number))
    return found


def entry(record: JobRecord, number: int) -> Entry:
    """One job as the list shows it."""
    last = record.attempts[-1] if record.attempts else None
    log = href(last.log_path) if last else ""
    return Entry(number, mark(record, number), record, summary.duration_s(record), last, log)


def weakened(jobs: Iterable[JobRecord]) -> tuple[tuple[str, tuple[JobRecord, ...]], ...]:
    """Each set of opt-outs that the matrix file asks for, with the jobs it asks them for."""
    found: dict[str, list[JobRecord]] = {}
    for each in jobs:
        asked = words.opted_out(each.job)
        if asked:
            found.setdefault(asked, []).append(each)
    return tuple((asked, tuple(each)) for asked, each in found.items())


def _glyph(outcome: Outcome | None) -> str:
    return "?" if outcome is None else GLYPHS[outcome]
