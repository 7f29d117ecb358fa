"""``junit.xml``: one suite per test, one case per job, as the table of docs/outcomes.md maps them.

Valid for Jenkins' xUnit schema 10, which allows a case no properties. Names are job ids: unique, and the same in every run.
Readers split ``classname`` at dots into packages, so it has none: ``ubuntu-14.04`` must not become package ``ubuntu-14``.

Test cases of JUnit files among a job's artifacts follow it in its suite, those of its last attempt: their ``classname`` is the
job's id without dots, then their own.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import junitparser
from junitparser import xunit2

from farm.model.artifact import CaseOutcome
from farm.model.job import Attempt
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import cases, summary, words
from farm.report.logs import tail
from farm.report.text import body, line

_LOG_LINES = 1000
_EXCERPT_LINES = 20  # readers such as GitLab's show the text of a failure, not system-out
_KINDS: dict[Outcome, tuple[type[junitparser.Failure] | type[junitparser.Error], str]] = {
    Outcome.FAILED: (junitparser.Failure, "failed"),
    Outcome.TIMEOUT: (junitparser.Failure, "timeout"),
    Outcome.XPASSED: (junitparser.Failure, "xpassed"),
    Outcome.OOM: (junitparser.Error, "oom"),
    Outcome.ERROR: (junitparser.Error, "infrastructure"),
}
_NESTED: dict[CaseOutcome, tuple[type[junitparser.Failure | junitparser.Error | junitparser.Skipped], str]] = {
    CaseOutcome.FAILED: (junitparser.Failure, "failed"),
    CaseOutcome.ERROR: (junitparser.Error, "error"),
    CaseOutcome.SKIPPED: (junitparser.Skipped, "skipped"),
}


def render(record: RunRecord, run_dir: str) -> bytes:
    """The run as JUnit XML; the ends of bad jobs' logs, 64 KiB at most each, are read from ``run_dir``."""
    started = datetime.datetime.fromtimestamp(record.info.started_at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    groups: dict[str, list[JobRecord]] = {}
    for job in record.jobs:
        groups.setdefault(job.job.test, []).append(job)
    drawn: list[tuple[xunit2.TestSuite, list[JobRecord]]] = []
    suites = xunit2.JUnitXml(line(record.info.name))
    for test, jobs in groups.items():
        suite = xunit2.TestSuite(line(test))  # type: ignore[no-untyped-call]
        suite.timestamp = started
        suite.hostname = line(record.info.hostname)
        suite.add_testcases([case for job in jobs for case in (_case(job, run_dir), *_nested(job, run_dir))])
        if not drawn and record.notes:  # there is no place for what concerns no suite in particular
            notes = [body(f"{kind}: {text}") for kind, text in record.notes]
            suite.system_err = "\n".join(notes)
        suites.append(suite)  # type: ignore[no-untyped-call]
        drawn.append((suite, jobs))
    suites.update_statistics()  # type: ignore[no-untyped-call]
    _set_time(suites, sum(summary.duration_s(job) for job in record.jobs))
    for suite, jobs in drawn:
        _set_time(suite, sum(summary.duration_s(job) for job in jobs))
    return bytes(suites.tostring())  # type: ignore[no-untyped-call]


def _case(record: JobRecord, run_dir: str) -> xunit2.TestCase:
    job, outcome = record.job, record.outcome
    case = xunit2.TestCase(line(job.id), line(f"{job.test}/{job.distro}").replace(".", "_"))
    _set_time(case, summary.duration_s(record))
    if outcome is None:
        case.result = [junitparser.Skipped("the run ended before this job did", "not-run")]
    elif outcome in _KINDS:
        _tell_bad(case, record, run_dir)
    elif outcome is Outcome.FLAKY:
        _add_interim(case, record.attempts, xunit2.FlakyFailure)
    elif outcome is not Outcome.PASSED:
        case.result = [junitparser.Skipped(line(record.reason) or outcome.value, outcome.value)]
    return case


def _nested(record: JobRecord, run_dir: str) -> Iterator[xunit2.TestCase]:
    """The test cases that the job left behind; a name that comes again is numbered."""
    path = record.attempts[-1].cases_path if record.attempts else ""
    prefix = line(record.job.id).replace(".", "_")
    seen: dict[tuple[str, str], int] = {}
    for each in cases.load(run_dir, path) if path else ():
        named = line(each.name) or "unnamed", f"{prefix}.{line(each.classname)}".rstrip(".")
        seen[named] = seen.get(named, 0) + 1
        name = named[0] if seen[named] == 1 else f"{named[0]} ({seen[named]})"
        case = xunit2.TestCase(name, named[1])
        _set_time(case, each.time_s)
        if each.outcome in _NESTED:
            make, kind = _NESTED[each.outcome]
            result = make(line(each.message.partition("\n")[0]) or kind, kind)
            if each.outcome is not CaseOutcome.SKIPPED:
                result.text = body(each.message)
            case.result = [result]
        yield case


def _tell_bad(case: xunit2.TestCase, record: JobRecord, run_dir: str) -> None:
    make, kind = _KINDS[record.outcome or Outcome.ERROR]
    last = record.attempts[-1] if record.attempts else None
    result = make(line(words.told(record.reason, last)) or kind, kind)
    case.result = [result]
    if last is None:
        return
    _add_interim(case, record.attempts[:-1], xunit2.RerunFailure)
    log = tail(run_dir, last.log_path, _LOG_LINES).text
    result.text = "\n".join([*_facts(record, last), "", *log.split("\n")[-_EXCERPT_LINES:]])
    if log:
        case.system_out = log


def _facts(record: JobRecord, attempt: Attempt) -> list[str]:
    facts = [line(words.told(record.reason, attempt)), words.ending(attempt.wait_status)]
    if attempt.failure is not None:
        facts += [f"{name}: {line(text)}" for name, text in words.trouble(attempt.failure)]
    facts += [f"{each.name}: {each.text}" for each in words.measures(record.job, attempt)]
    return [fact for fact in dict.fromkeys(facts) if fact]


def _add_interim(case: xunit2.TestCase, attempts: tuple[Attempt, ...], make: type[xunit2.InterimResult]) -> None:
    """One element for each bad one of ``attempts``, with its kind."""
    for attempt in attempts:
        if attempt.outcome in _KINDS:
            kind = _KINDS[attempt.outcome][1]
            case.add_interim_result(make(line(words.told(attempt.reason, attempt)) or kind, kind))


def _set_time(element: junitparser.Element, seconds: float) -> None:
    # Its own attribute writes 1e-05 for a hundredth of a millisecond, which no schema takes.
    element._elem.set("time", f"{seconds:.3f}")
