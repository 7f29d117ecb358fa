"""A run as suites and cases, before any dialect: one suite for each test, one case for each job.

Names are job ids: unique, and the same in every run. Readers split ``classname`` at dots into packages, so it has none:
``ubuntu-14.04`` must not become package ``ubuntu-14``. Test cases of JUnit files among a job's artifacts follow it in its
suite, those of its last attempt: their ``classname`` is the job's id without dots, then their own.

Every text is legal in XML 1.0, and none that a test chose is taken for an instruction to a reader.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from enum import StrEnum

from farm.model.artifact import CaseOutcome
from farm.model.job import Attempt
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import cases, summary, words
from farm.report.junit import properties
from farm.report.logs import tail
from farm.report.places import line_of
from farm.report.repro import repro
from farm.report.text import body, line
from farm.values import dataclass

_LOG_LINES = 1000
_EARLIER_LINES = 200
_EXCERPT_LINES = 20  # readers such as GitLab's show the text of a failure, not system-out
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp")


class Kind(StrEnum):
    """The element that tells of a case which did not pass."""

    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """Why a case did not pass: ``message`` is one line, ``text`` several, ``type`` one word."""

    kind: Kind
    type: str
    message: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A bad attempt that was not the last word on its job; ``log`` is the end of what it printed."""

    number: int
    type: str
    message: str
    text: str
    log: str


@dataclass(frozen=True, slots=True)
class Case:
    """One ``testcase``: ``log`` is the end of what a bad job printed, ``files`` what it left, below the run's folder.

    Those of a job's own JUnit have nothing but a result.
    """

    name: str
    classname: str
    time_s: float
    result: Result | None = None
    log: str = ""
    earlier: tuple[Earlier, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """The jobs of one test; ``timestamp`` is when the first of them began, in UTC, ``time_s`` what all of them took."""

    name: str
    timestamp: str
    time_s: float
    cases: tuple[Case, ...]

    def count(self, kind: Kind) -> int:
        """How many of the cases ended so."""
        return sum(case.result is not None and case.result.kind is kind for case in self.cases)


@dataclass(frozen=True, slots=True)
class Run:
    """``notes`` concern no suite in particular; ``run_dir``, ``matrix`` and ``project`` (or empty) are absolute paths."""

    name: str
    hostname: str
    suites: tuple[Suite, ...]
    properties: tuple[tuple[str, str], ...]
    notes: str
    run_dir: str
    matrix: str
    project: str


_KINDS = {
    Outcome.FAILED: (Kind.FAILURE, "failed"),
    Outcome.TIMEOUT: (Kind.FAILURE, "timeout"),
    Outcome.XPASSED: (Kind.FAILURE, "xpassed"),
    Outcome.OOM: (Kind.ERROR, "oom"),
    Outcome.ERROR: (Kind.ERROR, "infrastructure"),
}
_NESTED = {
    CaseOutcome.FAILED: (Kind.FAILURE, "failed"),
    CaseOutcome.ERROR: (Kind.ERROR, "error"),
    CaseOutcome.SKIPPED: (Kind.SKIPPED, "skipped"),
}


def told(record: RunRecord, run_dir: str, project: str) -> Run:
    """What is told of ``record``; logs are read from ``run_dir``."""
    groups: dict[str, list[JobRecord]] = {}
    for job in record.jobs:
        groups.setdefault(job.job.test, []).append(job)
    teller = _Teller(record, run_dir, project)
    return Run(
        name=line(record.info.name),
        hostname=line(record.info.hostname),
        suites=tuple(teller.suite(test, jobs) for test, jobs in groups.items()),
        properties=properties.of_run(record.info),
        notes="\n".join(harmless(body(f"{kind}: {text}")) for kind, text in record.notes),
        run_dir=os.path.abspath(run_dir),
        matrix=record.info.matrix_path,
        project=project,
    )


class _Teller:
    """Tells of one run; ``_next`` keeps its names apart."""

    def __init__(self, record: RunRecord, run_dir: str, project: str) -> None:
        self._info = record.info
        self._run_dir = run_dir
        self._project = project
        self._sources = {each.digest: each.source for each in record.images}
        self._next: dict[tuple[str, str], int] = {}

    def suite(self, test: str, jobs: list[JobRecord]) -> Suite:
        told_cases = [case for job in jobs for case in (self._job(job), *self._nested(job))]
        began = min((attempt.started_at for job in jobs for attempt in job.attempts), default=self._info.started_at)
        return Suite(line(test), _moment(began), sum(map(summary.duration_s, jobs)), tuple(told_cases))

    def _job(self, record: JobRecord) -> Case:
        job = record.job
        classname = line(f"{job.test}/{job.distro}").replace(".", "_")
        decisive = _decisive(record.attempts)
        again = line(repro(self._info, job, directory=self._project)) if _is_worth_repeating(record) else ""
        name = self._unique(classname, line(job.id))
        seconds = summary.duration_s(record)
        known = properties.of_job(record, decisive, again, self._sources)
        place = line_of(job.where)
        if record.outcome in _KINDS:
            kind, kind_name = _KINDS[record.outcome]
            log = self._log(decisive, _LOG_LINES) if decisive else ""
            facts = _facts(record, decisive, again) if decisive else [f"again: {again}"]
            text = harmless("\n".join([*facts, "", *log.split("\n")[-_EXCERPT_LINES:]] if log else facts))
            message = harmless(line(words.told(record.reason, decisive))) or kind_name
            result = Result(kind, kind_name, message, text)
            earlier = self._earlier(each for each in record.attempts if each is not decisive)
            files = _files(decisive) if decisive else ()
            return Case(name, classname, seconds, result, log, earlier, known, files, place)
        if record.outcome is Outcome.FLAKY:
            earlier = self._earlier(record.attempts)
            return Case(name, classname, seconds, earlier=earlier, properties=known, line=place)
        return Case(name, classname, seconds, _unfinished(record), properties=known, line=place)

    def _earlier(self, attempts: Iterable[Attempt]) -> tuple[Earlier, ...]:
        found = []
        for attempt in attempts:
            if attempt.outcome in _KINDS:
                kind_name = _KINDS[attempt.outcome][1]
                message = harmless(line(words.told(attempt.reason, attempt))) or kind_name
                text = harmless("\n".join(_ended(attempt)))
                log = self._log(attempt, _EARLIER_LINES)
                found.append(Earlier(attempt.number, kind_name, message, text, log))
        return tuple(found)

    def _nested(self, record: JobRecord) -> Iterator[Case]:
        """The test cases that the job left behind; a name that comes again is numbered."""
        path = record.attempts[-1].cases_path if record.attempts else ""
        prefix = line(record.job.id).replace(".", "_")
        for each in cases.load(self._run_dir, path) if path else ():
            classname = f"{prefix}.{line(each.classname)}".rstrip(".")
            name = self._unique(classname, line(each.name) or "unnamed")
            result = None
            if each.outcome in _NESTED:
                kind, kind_name = _NESTED[each.outcome]
                text = "" if kind is Kind.SKIPPED else harmless(body(each.message))
                message = harmless(line(each.message.partition("\n")[0])) or kind_name
                result = Result(kind, kind_name, message, text)
            yield Case(name, classname, each.time_s, result)

    def _unique(self, classname: str, name: str) -> str:
        """``name``, or ``name (2)`` where the class has it already: readers keep one of two alike."""
        found, number = name, self._next.get((classname, name), 1)
        while number > 1 and (classname, found := f"{name} ({number})") in self._next:
            number += 1
        self._next[classname, name] = number + 1
        self._next.setdefault((classname, found), 2)
        return found

    def _log(self, attempt: Attempt, lines: int) -> str:
        return harmless(tail(self._run_dir, attempt.log_path, lines).text)


def _decisive(attempts: tuple[Attempt, ...]) -> Attempt | None:
    """The attempt that made the outcome: the last, or the last bad one where nothing came of those after it."""
    last = attempts[-1] if attempts else None
    if last is None or last.outcome not in (Outcome.CANCELLED, Outcome.SKIPPED):
        return last
    return next((each for each in reversed(attempts) if each.outcome.bad), last)


def _unfinished(record: JobRecord) -> Result | None:
    """What is told of a job that was neither bad nor flaky."""
    outcome = record.outcome
    if outcome is None:
        return Result(Kind.SKIPPED, "not-run", "the run ended before this job did")
    if outcome is Outcome.PASSED:
        return None
    return Result(Kind.SKIPPED, outcome.value, harmless(line(record.reason)) or outcome.value)


def _is_worth_repeating(record: JobRecord) -> bool:
    return record.outcome is None or record.outcome.bad or record.outcome is Outcome.FLAKY


def _facts(record: JobRecord, attempt: Attempt, again: str) -> list[str]:
    facts = [line(words.told(record.reason, attempt)), *_ended(attempt)]
    facts += [f"{each.name}: {each.text}" for each in words.measures(record.job, attempt)]
    if len(record.attempts) > 1:
        facts += [f"attempt {each.number}: {each.outcome}" for each in record.attempts]
    return [*(fact for fact in dict.fromkeys(facts) if fact), f"again: {again}"]


def _ended(attempt: Attempt) -> list[str]:
    found = [words.ending(attempt.wait_status)]
    if attempt.failure is not None:
        found += [f"{name}: {line(text)}" for name, text in words.trouble(attempt.failure)]
    return [each for each in found if each]


def _files(attempt: Attempt) -> tuple[str, ...]:
    """What is worth a look: pictures among the artifacts, then the log, then the other artifacts."""
    kept = [os.path.join(attempt.artifacts_path, each.path) for each in attempt.artifacts]
    pictures = [each for each in kept if each.lower().endswith(_PICTURES)]
    others = [each for each in kept if each not in pictures]
    return (*pictures, *((attempt.log_path,) if attempt.log_path else ()), *others)


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def harmless(text: str) -> str:
    """Text of a test in which no reader finds the mark that has it fetch a file of the machine it runs on."""
    return text.replace("[[ATTACHMENT|", "[[ATTACHMENT |")
