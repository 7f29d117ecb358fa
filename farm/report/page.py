"""What the page shows, decided before anything is drawn: frozen values for the template. Pure.

Text stays as it is: the template makes it safe. Anchors are numbers, never names: ``f7`` is the job with number 7 of the
matrix among the failures, ``j7`` its row in the list of all jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import summary, words

NOT_RUN = "not run"
_CARDS = 300  # failures told at length: more help nobody and would make the page slow; the list has them all
_CHAPTER_JOBS = 60
_GLYPHS = {
    None: "?",
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
    """One line of the grid: its cells are in the order of the distros."""

    label: str
    title: str
    cells: tuple[tuple[Mark, ...], ...]
    bad: int


@dataclass(frozen=True, slots=True)
class Band:
    """A test in the grid: one row, or a heading and a row for each value of its axes."""

    heading: str
    title: str
    rows: tuple[Row, ...]
    bad: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Distros and how many of their jobs are bad, and the tests. On one distro a cell holds all values of the axes."""

    distros: tuple[tuple[str, int], ...]
    bands: tuple[Band, ...]
    label_size: str

    @property
    def single(self) -> bool:
        return len(self.distros) == 1

    @property
    def mixed(self) -> bool:
        """There are rows with failures and rows without."""
        bad = {row.bad > 0 for band in self.bands for row in band.rows}
        return len(bad) == 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A job in the list of all, or on a card."""

    number: int
    mark: Mark
    record: JobRecord
    reason: str
    duration_s: float
    attempt: Attempt | None
    log_href: str


@dataclass(frozen=True, slots=True)
class Page:
    """A run, with the number of each of its jobs; ``cards`` are failures told at length, alike ones on one card."""

    record: RunRecord
    numbers: dict[str, int]
    bad: int
    cards: tuple[tuple[JobRecord, ...], ...]
    carded: frozenset[str]

    @staticmethod
    def of(record: RunRecord) -> Page:
        numbers = {each.job.id: number for number, each in enumerate(record.jobs)}
        bad = summary.failures(record.jobs)
        cards = summary.alike(bad)[:_CARDS]
        return Page(record, numbers, len(bad), cards, frozenset(each.job.id for card in cards for each in card))

    def entry(self, record: JobRecord) -> Entry:
        """One job."""
        last = record.attempts[-1] if record.attempts else None
        log = href(last.log_path) if last and last.log_bytes else ""
        reason = words.told(record.reason, last)
        number = self.numbers[record.job.id]
        return Entry(number, self._mark(record), record, reason, summary.duration_s(record), last, log)

    def legend(self) -> tuple[tuple[Mark, int], ...]:
        """Each outcome there is, what is bad first, with its number of jobs."""
        jobs = self.record.jobs
        counts = summary.counts(jobs)
        found = [(Mark(each, _GLYPHS[each]), counts[each]) for each in sorted(counts, key=lambda each: not each.bad)]
        unfinished = sum(job.outcome is None for job in jobs)
        return (*found, (Mark(NOT_RUN, _GLYPHS[None]), unfinished)) if unfinished else tuple(found)

    def grid(self) -> Grid:
        """Tests by distros, both in the order of the matrix."""
        distros: dict[str, int] = {}
        for each in self.record.jobs:
            distros[each.job.distro] = distros.get(each.job.distro, 0) + _is_bad(each)
        tests: dict[str, dict[str, list[JobRecord]]] = {}
        for each in self.record.jobs:
            label = "" if len(distros) == 1 else _axes(each.job)
            tests.setdefault(each.job.test, {}).setdefault(label, []).append(each)
        bands = tuple(self._band(test, rows, tuple(distros)) for test, rows in tests.items())
        longest = max((len(row.label) for band in bands for row in band.rows), default=0)
        size = "short" if longest <= 14 else "medium" if longest <= 26 else "long"
        return Grid(tuple(distros.items()), bands, size)

    def chapters(self) -> Iterator[list[tuple[str, list[Entry]]]]:
        """All jobs by test, in parts of some sixty jobs that a browser can draw one by one."""
        part: list[tuple[str, list[Entry]]] = []
        size = 0
        tests: dict[str, list[JobRecord]] = {}
        for each in self.record.jobs:
            tests.setdefault(each.job.test, []).append(each)
        for test, jobs in tests.items():
            for _, some in groupby(enumerate(jobs), key=lambda pair: pair[0] // _CHAPTER_JOBS):
                part.append((test, [self.entry(each) for _, each in some]))
                size += len(part[-1][1])
                if size >= _CHAPTER_JOBS:
                    yield part
                    part, size = [], 0
        if part:
            yield part

    def _band(self, test: str, rows: dict[str, list[JobRecord]], distros: tuple[str, ...]) -> Band:
        split = len(rows) > 1
        drawn = []
        for label, jobs in rows.items():
            name = label if split and label else f"{test} {label}".rstrip()
            cells: dict[str, list[Mark]] = {distro: [] for distro in distros}
            for each in jobs:
                cells[each.job.distro].append(self._mark(each))
            marks = tuple(tuple(cells[distro]) for distro in distros)
            about = jobs[0].job.summary
            drawn.append(Row(name, f"{name}: {about}" if about else name, marks, sum(map(_is_bad, jobs))))
        about = next(iter(rows.values()))[0].job.summary
        return Band(test if split else "", about, tuple(drawn), sum(row.bad for row in drawn))

    def _mark(self, record: JobRecord) -> Mark:
        """The job's mark, linked to its card where it has one and to its row where it has none."""
        anchor = "f" if record.job.id in self.carded else "j"
        word = record.outcome or NOT_RUN
        title = f"{record.job.id}: {word}"
        if record.reason:
            title = f"{title}, {words.told(record.reason, record.attempts[-1] if record.attempts else None)}"
        return Mark(word, _GLYPHS[record.outcome], f"#{anchor}{self.numbers[record.job.id]}", title)


def href(path: str) -> str:
    """A file below the run's folder as a link from the page; never read as a scheme or an absolute path."""
    return f"./{quote(path, errors='surrogatepass')}" if path else ""


def _axes(job: Job) -> str:
    return ", ".join(f"{name}={value}" for name, value in job.axes)


def _is_bad(record: JobRecord) -> bool:
    return record.outcome is not None and record.outcome.bad
