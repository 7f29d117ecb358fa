"""A run is told to GitHub Actions where it runs there."""

from __future__ import annotations

from collections.abc import Mapping

from farm.model.run import RunRecord
from farm.report import github


def tell(record: RunRecord, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Append the summary of ``record`` to the step's, and return lines for the runner to read; none outside GitHub Actions.

    A summary that cannot be written is said in one of the lines: it costs no run.
    """
    if environment.get("GITHUB_ACTIONS") != "true":
        return ()
    project = environment.get("GITHUB_WORKSPACE", "")
    lines = github.commands(record, project)
    path = environment.get("GITHUB_STEP_SUMMARY")
    try:
        if path:
            with open(path, "a", encoding="utf-8", errors="replace") as file:
                file.write(github.markdown(record, project))
    except OSError as error:
        return (*lines, f"::warning::the summary cannot be written: {error.strerror}")
    return lines
