"""Whether this host has the secrets that jobs name, and can cover them: asked when they run, not when their file is checked.

A file is right on machines that have none of its secrets: there it can be validated, listed and explained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from farm.errors import UsageError
from farm.model.job import Job
from farm.model.secret import LEAST_BYTES, parts

MASK = "***"
"""What is shown in place of a secret."""


def check_secrets(jobs: Iterable[Job], environment: Mapping[str, str]) -> None:
    """Raises ``UsageError`` with every secret that ``environment`` lacks, or that cannot be covered, and a job that wants it.

    One that is set and empty is there, and hides nothing. Jobs that are skipped anyway want none.
    """
    wanted: dict[str, str] = {}
    for job in jobs:
        if job.late or not job.condition:
            for name in job.secrets:
                wanted.setdefault(name, job.id)
    _refuse_missing({name: job for name, job in wanted.items() if name not in environment})
    short = {name: job for name, job in wanted.items() if environment[name] and not parts(environment[name])}
    _refuse_short(short)


def _refuse_missing(wanting: Mapping[str, str]) -> None:
    if not wanting:
        return
    names = ", ".join(wanting)
    detail = "\n".join(f"{name}: wanted by {job}" for name, job in wanting.items())
    raise UsageError(
        f"{'a secret is' if len(wanting) == 1 else 'secrets are'} not in the environment: {names}",
        detail,
        f"export {' '.join(wanting)} before farm run, or leave these jobs out with -k",
    )


def _refuse_short(short: Mapping[str, str]) -> None:
    if not short:
        return
    detail = "\n".join(f"{name}: wanted by {job}" for name, job in short.items())
    raise UsageError(
        f"{'a secret is' if len(short) == 1 else 'secrets are'} too short to be kept: {', '.join(short)}",
        f"{detail}\nto cover it wherever it stands would hide the log and tell it by its places",
        f"give it a line of at least {LEAST_BYTES} bytes, or name it in env if it is none",
    )
