"""The dialect of Ant's JUnit task: a case has one result at most, and neither logs nor earlier attempts nor properties.

The logs of a suite's bad jobs are its ``system-out``, each below a line with its job's id; earlier attempts are lines of its
``system-err``. Suites are numbered, and their package is the run's name.
"""

from __future__ import annotations

from collections.abc import Iterator

from farm.report.junit import builder
from farm.report.junit.cases import Case, Run, Suite, harmless
from farm.report.junit.properties import in_one_line

_MOST_OUTPUT = 2 << 20  # letters of up to four bytes: libxml2 refuses a text beyond 10 MB


def render(run: Run) -> bytes:
    """``run`` as XML; its notes are in ``system-err`` of the first suite."""
    suites = [_suite(each, run, number) for number, each in enumerate(run.suites)]
    root = builder.RootElement()  # the schema gives it no attribute
    builder.add(root, *suites)
    return builder.encoded(root)


def _suite(told: Suite, run: Run, number: int) -> builder.SuiteElement:
    jobs = ((_named(each.name), in_one_line(each.properties)) for each in told.cases if each.properties)
    cases = (builder.case(each, typed=False) for each in told.cases)
    properties = builder.properties([*run.properties, *jobs])
    element = builder.suite(told, cases, properties, _named(run.hostname, "localhost"))
    element.name = _named(told.name)
    element.package = run.name
    element.id = str(number)
    notes = [run.notes] if run.notes and not number else []
    element.system_out = harmless("\n".join(_logs(told.cases)))
    element.system_err = harmless("\n".join([*notes, *_attempts(told.cases)]))
    return element


def _logs(cases: tuple[Case, ...]) -> Iterator[str]:
    left = _MOST_OUTPUT
    for each in cases:
        if each.log:
            left -= len(each.log)
            yield f"==> {each.name} <==\n{each.log if left >= 0 else '[farm: left out, for it would be too much]'}\n"


def _attempts(cases: tuple[Case, ...]) -> Iterator[str]:
    for case in cases:
        for each in case.earlier:
            yield f"{case.name}: attempt {each.number}: {each.type}: {each.message}"


def _named(text: str, otherwise: str = "unnamed") -> str:
    """``text``, which the schema wants to be more than spaces."""
    return text if text.strip(" ") else otherwise
