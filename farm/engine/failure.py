"""The farm's own failures on the way to a container, and the attempts that end with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from farm.errors import FarmError
from farm.model.job import Attempt, Failure
from farm.model.outcome import Outcome
from farm.model.ports import Work


class StepError(Exception):
    """What kept an attempt from its container: the step, and why as ``cause``."""

    def __init__(self, step: str, cause: Exception) -> None:
        super().__init__(step)
        self.step = step
        self.cause = cause


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """What fails inside becomes a ``StepError`` of that name: the kernel, the host, or a value the matrix let through."""
    try:
        yield
    except (OSError, FarmError, ValueError) as error:
        raise StepError(name, error) from error


def errored(work: Work, started_at: float, step: str, error: Exception) -> Attempt:
    """The attempt that ended as ``error`` before it had a container."""
    number = error.errno or 0 if isinstance(error, OSError) else 0
    hint = error.remedy if isinstance(error, FarmError) else getattr(error, "hint", "")
    # In one line, for that is what reports give it; the remedy is told beside it.
    text = (
        "; ".join(each for each in (error.brief, error.detail) if each) if isinstance(error, FarmError) else str(error)
    )
    failure = Failure(step, text, number, hint)
    return Attempt(
        job_id=work.job.id,
        number=work.number,
        outcome=Outcome.ERROR,
        started_at=started_at,
        failure=failure,
        reason=f"{step}: {failure.message}",
    )
