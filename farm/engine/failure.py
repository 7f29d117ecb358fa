"""The farm's own failures on the way to a container, and the attempts that end with them."""

from __future__ import annotations

from types import TracebackType

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


class step:  # noqa: N801 - it is read as a word: with step("launch")
    """What fails inside becomes a ``StepError`` of that name: the kernel, the host, or a value the matrix let through.

    A class, for every attempt has half a dozen, and a generator costs three times as much.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, (OSError, FarmError, ValueError)):
            raise StepError(self._name, error) from error


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


def cancelled(work: Work, started_at: float) -> Attempt:
    """The attempt that was stopped before it had a container."""
    return Attempt(work.job.id, work.number, Outcome.CANCELLED, started_at, reason="stopped before it began")
