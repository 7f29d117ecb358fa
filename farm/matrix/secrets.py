"""Whether this host has the secrets that jobs name: asked when they are to run, and not when their file is checked.

A file is right on machines that have none of its secrets: there it can be validated, listed and explained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from farm.errors import UsageError
from farm.model.job import Job

MASK = "***"
"""What is shown in place of a secret."""


def check_secrets(jobs: Iterable[Job], environment: Mapping[str, str]) -> None:
    """Raises ``UsageError`` with every secret that ``environment`` lacks and the first job that wants it.

    One that is set and empty is there. Jobs that are skipped anyway want none.
    """
    wanting: dict[str, str] = {}
    for job in jobs:
        if job.late or not job.condition:
            for name in job.secrets:
                if name not in environment:
                    wanting.setdefault(name, job.id)
    if not wanting:
        return
    names = ", ".join(wanting)
    detail = "\n".join(f"{name}: wanted by {job}" for name, job in wanting.items())
    raise UsageError(
        f"{'a secret is' if len(wanting) == 1 else 'secrets are'} not in the environment: {names}",
        detail,
        f"export {' '.join(wanting)} before farm run, or leave these jobs out with -k",
    )
