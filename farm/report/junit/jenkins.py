"""The dialect of Jenkins' xUnit plugin, schema 10, which Maven's Surefire, pytest and most readers share.

A case has no properties in it: those of a job are one property of its suite, named as the case.
"""

from __future__ import annotations

from farm.report.junit import builder
from farm.report.junit.cases import Case, Run, Suite
from farm.report.junit.properties import in_one_line


def render(run: Run) -> bytes:
    """``run`` as XML; its notes are in ``system-err`` of the first suite, for there is no better place."""
    suites = [_suite(each, run) for each in run.suites]
    if suites and run.notes:
        suites[0].system_err = run.notes
    return builder.encoded(builder.root(run, suites))


def case(told: Case) -> builder.CaseElement:
    """``told`` with its earlier attempts and its log."""
    element = builder.case(told)
    builder.add_earlier(element, told)
    if told.log:
        element.system_out = told.log
    return element


def _suite(told: Suite, run: Run) -> builder.SuiteElement:
    jobs = ((each.name, in_one_line(each.properties)) for each in told.cases if each.properties)
    properties = builder.properties([*run.properties, *jobs])
    return builder.suite(told, map(case, told.cases), properties, run.hostname)
