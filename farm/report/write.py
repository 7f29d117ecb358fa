"""The three files of a report, each whole or absent.

<run>/results.json   for programs
      junit.xml      for CI servers
      index.html     for people
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from farm.errors import FarmError
from farm.model.memory import NO_MEMORY, Memory
from farm.model.run import RunRecord
from farm.report.findings import Group
from farm.report.repro import here


def write_all(run_dir: str, record: RunRecord, memory: Memory = NO_MEMORY, groups: Sequence[Group] = ()) -> None:
    """Write every report of ``record`` into ``run_dir``, where its logs are; ``memory`` is what earlier runs say.

    ``groups`` are what its failures have in common.

    Each is written beside its place and renamed into it: a reader finds the old file, the new one or none. Raises
    ``FarmError`` where one cannot be written (ENOSPC, EROFS, EACCES); those before it stay.
    """
    # Not above: jinja2 and junitparser take a tenth of a second, which no first container should wait for.
    from farm.report import html, junit, results

    _replace(os.path.join(run_dir, "results.json"), results.render(record, memory, groups))
    project = os.environ.get("CI_PROJECT_DIR") or here()  # GitLab's name for the folder that it names files from
    _replace(os.path.join(run_dir, "junit.xml"), (junit.render(record, run_dir, project=project),))
    _replace(os.path.join(run_dir, "index.html"), html.render(record, run_dir, memory, groups))


def _replace(path: str, content: Iterable[bytes]) -> None:
    staged = f"{path}.{os.getpid()}.tmp"
    try:
        try:
            with open(staged, "wb") as file:
                file.writelines(content)
            os.replace(staged, path)
        except BaseException:
            if os.path.lexists(staged):
                os.unlink(staged)
            raise
    except OSError as error:
        remedy = "see that its folder exists, is writable and has free space"
        raise FarmError("a report cannot be written", f"{path}: {error.strerror or error}", remedy) from error
