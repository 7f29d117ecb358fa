"""What the page shows without its script: the failures, bounded. Pure but for the ends of logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from farm.model.job import Attempt
from farm.model.run import JobRecord, RunRecord
from farm.report import summary, words
from farm.report.findings import Group
from farm.report.logs import Tail, tail
from farm.report.page.marks import GLYPHS, NOT_RUN
from farm.values import dataclass

CARDS = 100
LINES = 20
NAMES = 1000
_NAMED = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """``word`` is an outcome, and the name of its style with a hyphen for a space."""

    word: str

    @property
    def glyph(self) -> str:
        return GLYPHS[self.word]

    @property
    def style(self) -> str:
        return self.word.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Card:
    """Bad jobs told at length, alike ones that never ran together; anchors are numbers, ``f7`` for the job with number 7."""

    mark: Mark
    jobs: tuple[tuple[int, JobRecord], ...]
    reason: str
    attempt: Attempt | None
    log: Tail


def mark(record: JobRecord) -> Mark:
    """That of a job."""
    return Mark(record.outcome.value if record.outcome is not None else NOT_RUN)


def legend(record: RunRecord) -> list[tuple[Mark, int]]:
    """Each outcome there is, what is bad first, with its number of jobs."""
    counts = summary.counts(record.jobs)
    found = [(Mark(each.value), counts[each]) for each in sorted(counts, key=lambda each: not each.bad)]
    unfinished = sum(each.outcome is None for each in record.jobs)
    return [*found, (Mark(NOT_RUN), unfinished)] if unfinished else found


def where(record: RunRecord, group: Group) -> str:
    """``version on 3 distros``: which tests a group is of, and where they were bad."""
    jobs = [record.jobs[number].job for number in group.jobs]
    tests = list(dict.fromkeys(each.test for each in jobs))
    distros = list(dict.fromkeys(each.distro for each in jobs))
    return f"{_some(tests, 'tests')} on {_some(distros, 'distros')}"


def _some(names: Sequence[str], many: str) -> str:
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} {many}"


def cards(bad: Sequence[tuple[JobRecord, ...]], numbers: Mapping[str, int], run_dir: str) -> Iterator[Card]:
    """The first hundred of ``bad``, which are alike each; the ends of logs are read as they are asked for."""
    for alike in bad[:CARDS]:
        first = alike[0]
        last = first.attempts[-1] if first.attempts else None
        reason = words.told(first.reason, last)
        how = words.ending(last.wait_status) if last else ""
        said = how if how.startswith(reason) else reason if how in reason else f"{reason} · {how}"
        log = tail(run_dir, last.log_path if last else "", LINES)
        yield Card(
            mark(first), tuple((numbers[each.job.id], each) for each in alike), said or mark(first).word, last, log
        )


def others(bad: Sequence[tuple[JobRecord, ...]]) -> tuple[list[JobRecord], int]:
    """The bad jobs without a card that are named, and how many are not even that."""
    rest = [each for alike in bad[CARDS:] for each in alike]
    return rest[:NAMES], max(0, len(rest) - NAMES)
