"""What an attempt left behind: files copied out of its container, and the test cases found in them."""

from __future__ import annotations

from enum import StrEnum

from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """A copied file: ``path`` is where it was in the container, without the leading slash, and ``size_bytes`` what it holds."""

    path: str
    size_bytes: int


class CaseOutcome(StrEnum):
    """What a JUnit file says of a case."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One test case of a JUnit file among the artifacts: ``message`` is why it did not pass, ``file`` the artifact's path."""

    name: str
    classname: str = ""
    time_s: float = 0.0
    outcome: CaseOutcome = CaseOutcome.PASSED
    message: str = ""
    file: str = ""
