"""What is said where somebody names a job or a run that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from farm.errors import UsageError
from farm.report.text import line


def no_job(job_id: str, there: Iterable[str], remedy: str = "farm list shows all ids") -> UsageError:
    """For an id that is not ``there``."""
    return UsageError(f"there is no job {line(job_id)}", near(job_id, there), remedy)


def no_run(run: str, there: Iterable[str], detail: str) -> UsageError:
    """For a run that is not ``there``; ``detail`` is said where none is like it."""
    return UsageError(
        f"there is no run {line(run)}", near(run, there) or detail, "name the folder of reports with --reports"
    )


def near(name: str, there: Iterable[str]) -> str:
    """The most alike as a phrase; empty for none."""
    found = difflib.get_close_matches(name, list(dict.fromkeys(there)), 3, 0.5)
    return f"near it: {', '.join(map(line, found))}" if found else ""
