"""What of a job's attempts counts, when there is another one, and what has to be over before the first."""

from __future__ import annotations

from enum import StrEnum

from farm.model.outcome import Outcome
from farm.values import dataclass


class Expect(StrEnum):
    """What a job is meant to do: ``fail`` turns ``failed`` into ``xfailed`` and ``passed`` into ``xpassed``, ``any`` passes."""

    PASS = "pass"
    FAIL = "fail"
    ANY = "any"


class When(StrEnum):
    """After which attempts something is done."""

    ALWAYS = "always"
    ON_SUCCESS = "on-success"
    ON_FAILURE = "on-failure"


@dataclass(frozen=True, slots=True)
class Retries:
    """Up to ``most`` further attempts, after one with one of ``outcomes`` or ``exit_codes``."""

    most: int = 0
    outcomes: tuple[Outcome, ...] = (Outcome.FAILED, Outcome.TIMEOUT, Outcome.OOM, Outcome.ERROR)
    exit_codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``total`` equal parts of a test, which divides itself: ``index`` counts from 0."""

    index: int
    total: int


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What is copied out of the container after the job, from outside.

    ``paths`` are absolute patterns inside, with ``*``, ``?``, ``[]`` and ``**``; all of them together at most ``most_bytes``
    of an attempt. ``junit`` is a pattern over what was copied, whose files are read as JUnit; empty for none.
    """

    paths: tuple[str, ...]
    when: When = When.ALWAYS
    most_bytes: int = 50 << 20
    junit: str = ""
