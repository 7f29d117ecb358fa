"""``junit.xml``: one suite per test, one case per job, as the table of outcomes maps them."""

from __future__ import annotations

import datetime
import re

import junitparser
from junitparser import xunit2

from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report.logs import tail

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOG_LINES = 200
_BAD: dict[Outcome, tuple[type[junitparser.Failure] | type[junitparser.Error], str]] = {
    Outcome.FAILED: (junitparser.Failure, "failed"),
    Outcome.TIMEOUT: (junitparser.Failure, "timeout"),
    Outcome.XPASSED: (junitparser.Failure, "xpassed"),
    Outcome.OOM: (junitparser.Error, "oom"),
    Outcome.ERROR: (junitparser.Error, "infrastructure"),
}


def clean(text: str) -> str:
    """``text`` with what XML 1.0 cannot hold replaced by U+FFFD."""
    return _ILLEGAL.sub("\ufffd", text)


def render(record: RunRecord, run_dir: str) -> bytes:
    """The run as JUnit XML, valid for Jenkins; the logs of bad jobs are read from ``run_dir``."""
    suites = junitparser.JUnitXml(clean(record.info.name))
    groups: dict[str, list[JobRecord]] = {}
    for job in record.jobs:
        groups.setdefault(job.job.test, []).append(job)
    started = datetime.datetime.fromtimestamp(record.info.started_at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for test, jobs in groups.items():
        suite = xunit2.TestSuite(clean(test))  # type: ignore[no-untyped-call]
        suite.timestamp = started
        suite.hostname = clean(record.info.hostname)
        suite.add_testcases([_case(job, run_dir) for job in jobs])
        suites.add_testsuite(suite)
    suites.update_statistics()  # type: ignore[no-untyped-call]
    for element in [suites._elem, *suites._elem]:
        element.set("time", f"{float(element.get('time') or 0):.3f}")
    for suite_element in suites._elem:
        for name in ("tests", "failures", "errors", "skipped"):
            suite_element.set(name, suite_element.get(name) or "0")
    suites._elem.attrib.pop("skipped", None)
    return bytes(suites.tostring())  # type: ignore[no-untyped-call]


def _case(record: JobRecord, run_dir: str) -> xunit2.TestCase:
    job, outcome = record.job, record.outcome
    # Readers split classname at dots into packages: ubuntu-14.04 would become package "ubuntu-14", class "04".
    case = xunit2.TestCase(clean(job.id), clean(f"{job.test}/{job.distro}".replace(".", "_")))
    reason = clean(record.reason)
    if outcome in _BAD:
        make, kind = _BAD[outcome]
        case.result = [make(reason or outcome.value, kind)]
    elif outcome in (Outcome.SKIPPED, Outcome.XFAILED, Outcome.CANCELLED, None):
        default = outcome.value if outcome else "the run ended before this job"
        case.result = [junitparser.Skipped(reason or default, outcome.value if outcome else "not-run")]
    elif outcome is Outcome.FLAKY:
        for attempt in record.attempts:
            if attempt.outcome.bad:
                case.add_interim_result(_flaky(clean(attempt.reason), attempt.outcome.value))
    case._elem.set("time", f"{sum(attempt.duration_s for attempt in record.attempts):.3f}")
    if outcome is not None and outcome.bad and record.attempts:
        case.system_out = clean(tail(run_dir, record.attempts[-1].log_path, _LOG_LINES))
    return case


def _flaky(reason: str, kind: str) -> xunit2.FlakyFailure:
    return xunit2.FlakyFailure(reason or kind, kind)
