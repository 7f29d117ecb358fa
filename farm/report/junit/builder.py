"""The elements that dialects are made of, through junitparser. Times have three decimals, counts are those of the cases."""

from __future__ import annotations

from collections.abc import Iterable

import junitparser
from junitparser import xunit2

from farm.report.junit.cases import Case, Kind, Run, Suite

_RESULTS = {Kind.FAILURE: junitparser.Failure, Kind.ERROR: junitparser.Error, Kind.SKIPPED: junitparser.Skipped}


# Their own attributes write 1e-05 for a hundredth of a millisecond, which no schema takes.
class CaseElement(xunit2.TestCase):
    """``file`` and ``line`` are in no schema."""

    time = junitparser.Attr()
    file = junitparser.Attr()
    line = junitparser.Attr()


class SuiteElement(xunit2.TestSuite):
    time = junitparser.Attr()


class RootElement(xunit2.JUnitXml):
    time = junitparser.Attr()


def case(told: Case, *, typed: bool = True) -> CaseElement:
    """``told`` with its result and nothing else; without ``typed`` a ``skipped`` has no type."""
    element = CaseElement(told.name, told.classname)
    element.time = seconds(told.time_s)
    if told.result is not None:
        is_typed = typed or told.result.kind is not Kind.SKIPPED
        result = _RESULTS[told.result.kind](told.result.message, told.result.type if is_typed else None)
        if told.result.text:
            result.text = told.result.text
        add(element, result)
    return element


def suite(told: Suite, cases: Iterable[CaseElement], properties: junitparser.Properties, hostname: str) -> SuiteElement:
    """``told`` with its counts, then ``properties``, then ``cases``."""
    element = SuiteElement(told.name)  # type: ignore[no-untyped-call]
    element.timestamp = told.timestamp
    element.hostname = hostname
    element.time = seconds(told.time_s)
    element.tests = len(told.cases)
    element.failures = told.count(Kind.FAILURE)
    element.errors = told.count(Kind.ERROR)
    element.skipped = told.count(Kind.SKIPPED)
    add(element, properties, *cases)
    return element


def root(run: Run, suites: Iterable[SuiteElement]) -> RootElement:
    """``suites`` under the name of the run, with the sums of their counts."""
    element = RootElement(run.name)
    element.time = seconds(sum(each.time_s for each in run.suites))
    element.tests = sum(len(each.cases) for each in run.suites)
    element.failures = sum(each.count(Kind.FAILURE) for each in run.suites)
    element.errors = sum(each.count(Kind.ERROR) for each in run.suites)
    add(element, *suites)
    return element


def properties(pairs: Iterable[tuple[str, str]]) -> junitparser.Properties:
    """``properties`` in the order of ``pairs``."""
    element = junitparser.Properties()
    add(element, *(junitparser.Property(name, value) for name, value in pairs))
    return element


def add(element: junitparser.Element, *children: junitparser.Element) -> None:
    """Put ``children`` at the end of ``element``."""
    element.extend(children)


def add_earlier(element: CaseElement, told: Case) -> None:
    """Each bad attempt before the last word, as Maven's Surefire tells them: of a case that passed it was flaky."""
    make = xunit2.RerunFailure if told.result is not None else xunit2.FlakyFailure
    for each in told.earlier:
        interim = make(each.message, each.type)
        interim.stack_trace = each.text or each.message
        if each.log:
            interim.system_out = each.log
        add(element, interim)


def seconds(value: float) -> str:
    """Three decimals, whatever it is."""
    return f"{value:.3f}"


def encoded(element: junitparser.Element) -> bytes:
    """UTF-8, a line for each suite and case where they begin: within texts and attributes ``<`` is never itself."""
    drawn: bytes = element.tostring()
    for tag in (b"<testsuite ", b"<testcase ", b"</testsuite>", b"</testsuites>"):
        drawn = drawn.replace(tag, b"\n" + tag)
    return drawn + b"\n"
