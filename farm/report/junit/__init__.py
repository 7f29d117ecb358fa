"""``junit.xml`` in the dialect that a run was asked for: docs/junit.md says what each outcome becomes in which.

cases    what is told of a run, the same in every dialect: plain values
builder  elements of it, through junitparser
jenkins  valid for the schema of Jenkins' xUnit plugin, version 10
ant      valid for the schema of Ant's JUnit task
gitlab   what GitLab reads; it publishes no schema; attachments are files that it can be told of
"""

from __future__ import annotations

from collections.abc import Callable

from farm.model.run import RunRecord
from farm.report.junit import ant, gitlab, jenkins
from farm.report.junit.cases import Run, told

DIALECTS: dict[str, Callable[[Run], bytes]] = {
    "jenkins": jenkins.render,
    "ant": ant.render,
    "gitlab": gitlab.render,
}


def render(record: RunRecord, run_dir: str, *, project: str = "") -> bytes:
    """The run as JUnit XML, as ``record.info.asked`` has it; one that only a later farm knows is told as ``jenkins``.

    The ends of bad attempts' logs, 64 KiB at most each, are read from ``run_dir``, where ``gitlab`` may add links to files.
    ``project`` is the absolute path of the folder that files are named from where a dialect names any, and where commands to
    run a job again are for; empty for none.
    """
    draw = DIALECTS.get(record.info.asked.junit_dialect, jenkins.render)
    return draw(told(record, run_dir, project))
