"""What the scheduler is told and what it answers: the words between ``state`` and whoever carries its decisions out."""

from __future__ import annotations

from typing import TypeAlias

from farm.model.job import ImageKey
from farm.model.outcome import Outcome
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Begin:
    """The run begins; comes once, before all others."""


@dataclass(frozen=True, slots=True)
class ImageReady:
    """The image ``key`` can be used."""

    key: ImageKey


@dataclass(frozen=True, slots=True)
class ImageFailed:
    """The image ``key`` cannot be had; ``reason`` is the sentence its jobs end with."""

    key: ImageKey
    reason: str


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The attempt that ``Start`` asked for has ended.

    ``exit_code`` is that of its command, None where it has none. ``exhausted`` says that there was no container, because the
    host had no descriptor or process left for one: such an attempt counts as none.
    """

    job_id: str
    outcome: Outcome
    reason: str = ""
    exit_code: int | None = None
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """In place of the attempt that ``Start`` asked for: the job has to end as ``outcome`` without one."""

    job_id: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Waited:
    """The time that ``Wait`` asked for has passed."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Pressure:
    """The host is short of memory or of disk time: ``at_most`` so many jobs at once. 0: it is no longer."""

    at_most: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Start nothing more, let what runs come to its end."""


@dataclass(frozen=True, slots=True)
class Killed:
    """Start nothing more, end what runs."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """The run's deadline has passed: as ``Killed``, for that reason."""


@dataclass(frozen=True, slots=True)
class Start:
    """Make attempt ``number`` of the job; an ``AttemptEnded`` or a ``Dropped`` must follow.

    ``waited_s`` is how long only the lack of room, or its turn, kept it from starting.
    """

    job_id: str
    number: int
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Cancel:
    """Kill the running attempt of the job."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The attempt that ended is not the last: there will be another one, in its turn."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Say ``Waited`` in ``delay_s`` seconds."""

    job_id: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Finish:
    """The job is over."""

    job_id: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """Every job is over."""


Event: TypeAlias = (
    Begin | ImageReady | ImageFailed | AttemptEnded | Dropped | Waited | Pressure | Interrupted | Killed | Overdue
)
Command: TypeAlias = Start | Cancel | Retry | Wait | Finish | Done
