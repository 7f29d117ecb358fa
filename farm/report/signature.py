"""The line that tells what a bad job died of, and what stays of it when all is folded that differs from run to run.

Which line:

- ``failed``: of the last 100 lines of its log (8 KiB at most), the first that speaks of an error, but for what a good job of
  the same test says as well; of a Python traceback the line that names the exception; without any such line the last that is
  not empty; without a log the reason.
- ``timeout``: the last line that is not empty, where it hung; without a log the reason.
- ``oom``, ``error``, ``xpassed``: the reason. The log says nothing of it.

Which lines speak of an error is in ``telling``. What is folded is in ``_FOLDED``; an exit status, a signal and an errno are
kept, as they are the message.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.paths import host_name, safe_name
from farm.model.run import JobRecord
from farm.report import words
from farm.report.logs import tail
from farm.report.telling import may_tell, tells
from farm.report.text import line
from farm.values import dataclass

_LINES = 100
_BYTES = 8 << 10
_LONGEST = 300
_OF_THE_FARM = frozenset({Outcome.OOM, Outcome.ERROR, Outcome.XPASSED})

_TRACEBACK = "traceback (most recent call last)"

# One pass from left to right: of what begins at the same place the first counts. None repeats what may follow it.
_FOLDED = (
    r"(?P<kept>\b(?:status|signal|code|errno)[ =:]{1,2}-?\d{1,3}\b|\berror \d{1,3}\b|\bx86_64\b|<[a-z]{1,8}>)"
    r"|(?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)"
    r"|(?P<run>\b\d{8}T\d{6}Z-[0-9a-f]{4}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?:Z|[+-]\d\d:?\d\d)?(?!\w)"
    r"|\b\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?(?!\w)"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) {1,2}\d{1,2}(?= \d\d:))"
    r"|(?P<took>\b(?:\d+[hm] ?){1,2}\d+(?:\.\d+)?s\b"
    r"|\b\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|secs?|seconds?|min|minutes?|h|hours?)\b)"
    r"|(?P<tmp>(?<![\w.])/(?:var/)?tmp/[^\s:;,'\"`()<>]*/(?P<name>[^\s/:;,'\"`()<>]+)|"
    r"(?<![\w.])/(?:var/)?tmp/[^\s:;,'\"`()<>]+|\btmp[._][A-Za-z0-9]{6,}\b)"
    r"|(?P<path>(?<![\w.<>/])/(?:[\w.+@%=~-]+/)+)"
    r"|(?P<address>\b0[xX][0-9a-fA-F]+\b|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b|\[[0-9a-f:]{2,39}\]:\d{1,5}"
    r"|\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b)"
    r"|(?P<hex>\b(?=[0-9a-f]{0,64}[0-9])(?=[0-9a-f]{0,64}[a-f])[0-9a-f]{7,64}\b)"
    r"|(?P<number>(?<![A-Za-z0-9])\d+(?:[.,]\d+)*|(?<=[A-Za-z])\d{4,})"
)


@functools.cache
def _folded() -> re.Pattern[str]:
    """Compiled when something has failed: that takes several milliseconds."""
    return re.compile(_FOLDED, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Signature:
    """``text`` is equal for failures of one kind; ``example`` is the line as it was. Both are one line, safe to show."""

    text: str
    example: str


class Signatures:
    """Those of the bad jobs of a run, whose logs are below ``run_dir``.

    What the log of a good job of the same test says as well, one of the same distro if there is any, is no error.
    """

    def __init__(self, jobs: Iterable[JobRecord], run_dir: str) -> None:
        self._run_dir = run_dir
        self._good: dict[tuple[str, str], JobRecord] = {}
        self._usual: dict[str, frozenset[str]] = {}
        for each in jobs:
            if each.outcome is Outcome.PASSED:
                self._good.setdefault((each.job.test, each.job.distro), each)
                self._good.setdefault((each.job.test, ""), each)

    def of(self, record: JobRecord) -> Signature:
        """That of a bad job: of its last attempt that was bad."""
        bad = [each for each in record.attempts if each.outcome.bad] or record.attempts
        attempt = bad[-1] if bad else None
        found = self._from_log(record, attempt) if attempt is not None and record.outcome not in _OF_THE_FARM else ""
        example = _shown(found or words.told(record.reason, attempt) or (record.outcome or ""))
        return Signature(folded(example, record.job), example)

    def speaks(self, job: Job) -> Callable[[str], bool]:
        """Whether a line of this job's log speaks of an error, and is none that a good job of the test prints as well."""
        return lambda each: tells(each) and folded(_shown(each), job) not in self._usual_in(job)

    def _from_log(self, record: JobRecord, attempt: Attempt) -> str:
        lines = _end(attempt, self._run_dir)
        if record.outcome is Outcome.TIMEOUT:
            return _last(lines)
        for each in errors(lines):
            if folded(_shown(each), record.job) not in self._usual_in(record.job):
                return each
        return _last(lines)

    def _usual_in(self, job: Job) -> frozenset[str]:
        """What speaks of an error in a good job's log, folded; each log is read once."""
        good = self._good.get((job.test, job.distro)) or self._good.get((job.test, ""))
        if good is None:
            return frozenset()
        if good.job.id not in self._usual:
            lines = _end(good.attempts[-1], self._run_dir) if good.attempts else []
            self._usual[good.job.id] = frozenset(folded(_shown(each), good.job) for each in errors(lines))
        return self._usual[good.job.id]


def folded(text: str, job: Job | None = None) -> str:
    """``text`` without what differs between runs, hosts and, given the ``job``, between jobs; folding again changes nothing."""
    for name, stands_for in _names(job) if job is not None else ():
        text = text.replace(name, stands_for)
    return _folded().sub(_place, " ".join(text.split()))


def errors(lines: Sequence[str]) -> Iterator[str]:
    """Those of ``lines`` that speak of an error, in order; for the head of a traceback the line that names the exception."""
    for number, each in enumerate(lines if may_tell("\n".join(lines)) else ()):
        if _TRACEBACK in each.lower():
            yield _raised(lines[number + 1 :]) or each
        elif may_tell(each) and tells(each):
            yield each


def _shown(text: str) -> str:
    return line(text.strip())[:_LONGEST]


def _end(attempt: Attempt, run_dir: str) -> list[str]:
    return tail(run_dir, attempt.log_path, _LINES, _BYTES).text.split("\n") if attempt.log_bytes else []


def _raised(lines: Sequence[str]) -> str:
    """The line after the frames of a traceback, which are indented."""
    return next((each for each in lines if each.strip() and not each[0].isspace()), "")


def _last(lines: Sequence[str]) -> str:
    return next((each for each in reversed(lines) if each.strip()), "")


def _names(job: Job) -> list[tuple[str, str]]:
    """What a job is called where it runs, the longest first; a name such as ``host`` is a word of any sentence, and stays."""
    host = job.hostname or host_name(f"{job.test}-{job.distro}")
    found = [(job.id, "<job>"), (safe_name(job.id), "<job>"), (host, "<host>"), (job.distro, "<distro>")]
    return sorted((each for each in found if _is_telltale(each[0])), key=lambda each: -len(each[0]))


def _is_telltale(name: str) -> bool:
    return len(name) > 4 and not name.isalpha()


def _place(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "kept":
            return found[0]
        case "tmp" if found["name"]:
            return f"<tmp>/{_folded().sub(_place, found['name'])}"
        case "path":
            return "<path>/"
        case "took":
            return "<time>"
        case "number":
            return "<n>"
        case kind:
            return f"<{kind}>"
