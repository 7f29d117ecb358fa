"""How outcomes and files are called in the page. Pure."""

from __future__ import annotations

from urllib.parse import quote

from farm.model.outcome import Outcome

NOT_RUN = "not run"
WORDS = (*(each.value for each in Outcome), NOT_RUN)
"""Every outcome a job may show; the page's script knows them by their place."""

GLYPHS = {
    "passed": "✓",
    "failed": "✗",
    "timeout": "T",
    "oom": "M",
    "error": "E",
    "skipped": "S",
    "xfailed": "x",
    "xpassed": "X",
    "flaky": "~",
    "cancelled": "C",
    NOT_RUN: "?",
}
_CODES = {word: number for number, word in enumerate(WORDS)}


def code(outcome: Outcome | None) -> int:
    """The place of ``outcome`` in ``WORDS``."""
    return _CODES[outcome.value if outcome is not None else NOT_RUN]


def is_bad(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.bad


def href(path: str) -> str:
    """A file below the run's folder as a link from the page; never read as a scheme or an absolute path."""
    return f"./{quote(path, errors='surrogatepass')}" if path else ""
