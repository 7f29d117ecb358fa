"""How a job ended, and what that counts as."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The one outcome of an attempt or a job; the table is in ``docs/outcomes.md``."""

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    OOM = "oom"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    FLAKY = "flaky"
    CANCELLED = "cancelled"

    @property
    def good(self) -> bool:
        """Counts towards exit code 0."""
        return self in _GOOD

    @property
    def bad(self) -> bool:
        """Counts towards exit code 1 (6 where every bad job is an ``error``)."""
        return self in _BAD

    @property
    def own(self) -> bool:
        """The job came to an end of its own, which says something of it."""
        return self not in _NOT_ITS_OWN


_GOOD = frozenset({Outcome.PASSED, Outcome.SKIPPED, Outcome.XFAILED, Outcome.FLAKY})
_NOT_ITS_OWN = frozenset({Outcome.CANCELLED, Outcome.SKIPPED})
_BAD = frozenset({Outcome.FAILED, Outcome.TIMEOUT, Outcome.OOM, Outcome.ERROR, Outcome.XPASSED})
