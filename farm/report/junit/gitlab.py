"""The dialect of GitLab's unit test reports: that of Jenkins, and what GitLab or others read beside it.

GitLab shows ``file`` of a case, the text of its result and of ``system-out``, and the first file that ``system-out`` attaches.
It ignores ``message``. Files are named from the project's folder, which is where GitLab looks for them among a job's artifacts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from farm.report.junit import attachments, builder, jenkins
from farm.report.junit.cases import Case, Kind, Run, Suite
from farm.report.places import below
from farm.report.text import line

_MOST_FILES = 20


def render(run: Run) -> bytes:
    """``run`` as XML; its notes are in ``system-err`` of the first suite.

    Files whose paths GitLab could not read get a second name in the run's folder.
    """
    suites = [_suite(each, run) for each in run.suites]
    if suites and run.notes:
        suites[0].system_err = run.notes
    return builder.encoded(builder.root(run, suites))


def _suite(told: Suite, run: Run) -> builder.SuiteElement:
    return builder.suite(
        told, (_case(each, run) for each in told.cases), builder.properties(run.properties), run.hostname
    )


def _case(told: Case, run: Run) -> builder.CaseElement:
    element = jenkins.case(told)
    if told.result is not None and told.result.kind is Kind.SKIPPED:
        for each in element.result:
            each.text = told.result.message
    if told.properties:
        if matrix := line(below(run.project, run.matrix)):
            element.file = matrix
        if told.line is not None:
            element.line = str(told.line)
        builder.add(element, builder.properties(told.properties))
    marks = list(_marks(told, run))
    if marks:
        element.system_out = "\n".join([*marks, *([told.log] if told.log else [])])
    return element


def _marks(told: Case, run: Run) -> Iterator[str]:
    """A line for each file that GitLab can be told of; only the first, which it attaches, is worth a second name."""
    marked = False
    for each in told.files[:_MOST_FILES]:
        path = each
        if not attachments.fits(each):
            if marked or not attachments.link(run.run_dir, each):
                continue
            path = attachments.second_name(each)
        named = below(run.project, os.path.join(run.run_dir, path))
        if named and attachments.fits(named):
            marked = True
            yield f"[[ATTACHMENT|{named}]]"
