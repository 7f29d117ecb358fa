"""Which lines of a log speak of an error: pure, and quick on hostile logs. Signatures and the page's logs go by it.

A line counts that holds a word of trouble which is not part of another word, of a file's name or of an option (``error.c``,
``-Werror``), and that does not say that there was none (``0 errors``, ``... ok``), is no warning, no heading and no command
that a shell traces.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_WORDS = (
    "error", "fail", "fatal", "panic", "traceback", "exception", "assert", "abort", "errno", "not ok", "not found", "no such",
    "cannot", "can't", "could not", "unable", "undefined", "unknown", "unrecognized", "unsupported", "not supported", "invalid",
    "illegal", "denied", "not permitted", "refused", "timed out", "missing", "mismatch", "segmentation fault", "core dumped",
    "killed", "out of memory", "no space left", "unexpected", "bad option",
)  # fmt: skip
_NEEDLES = tuple(each.encode() for each in _WORDS)
_TELLING = re.compile(
    r"(?<![-\w./])(?:(?:\w+\.)*[A-Z]\w*(?:Error|Exception)"
    r"|(?i:errors?|fail(?:ed|ure|ures|s|ing)?|panic(?:ked)?|exceptions?|assert(?:ion|ions|ed)?|abort(?:ed|ing)?|mismatch(?:ed|es)?"
    rf"|{'|'.join(_WORDS)}))(?![\w/]|[-.][A-Za-z0-9])"
)
_NONE_OF_IT = re.compile(
    r"(?i)\b(?:no|0|without|zero)\s+(?:error|fail|exception|unexpected)\w*|\b(?:error|failure|fail|failed|exception)s?\s*[:=]\s*(?:0\b|none\b)"
    r"|-w(?:no-)?error\S*|\bxfail\w*|\bif failed\b|\bon (?:error|failure)s?\b"
)
_HARMLESS = re.compile(
    r"(?i)\.\.\.?\s*(?:ok|yes|no|passed|done)\s*$|\b(?:ok|passed|pass)\s*$|^\s*(?:ok|pass(?:ed)?)\b|^\s*(?:[=_*#]{3}|----|\++\s)"
    r"|\bwarning\b(?!.*\b(?:error|fatal)\b)"
)
_PAINT = re.compile(r"\x1b\[[0-9;:]*m")
_MOST_LOOKS = 500
_LONGEST_LINE = 2000


def tells(line: str) -> bool:
    """Whether a line is one of an error; colours in it do not count."""
    plain = _NONE_OF_IT.sub("", _PAINT.sub("", line[:_LONGEST_LINE]))
    return _TELLING.search(plain) is not None and _HARMLESS.search(plain) is None


def may_tell(text: str) -> bool:
    """Whether any line of ``text`` could; much quicker than to look at each."""
    lowered = text.lower()
    return any(word in lowered for word in _WORDS)


def first_error(raw: bytes, speaks: Callable[[str], bool] = tells) -> int | None:
    """The number of the first line that ``speaks`` of one, 0 for the first of all, None where no line does.

    Words are looked for before any line is looked at closely, and no more than 500 lines are.
    """
    lowered = raw.lower()
    at = looks = 0
    nearest = {needle: lowered.find(needle) for needle in _NEEDLES}
    while looks < _MOST_LOOKS:
        for needle, found in nearest.items():
            if 0 <= found < at:
                nearest[needle] = lowered.find(needle, at)
        found = min((each for each in nearest.values() if each >= 0), default=-1)
        if found < 0:
            return None
        begin = lowered.rfind(b"\n", 0, found) + 1
        end = lowered.find(b"\n", found)
        end = len(lowered) if end < 0 else end
        if speaks(raw[begin : min(end, begin + _LONGEST_LINE)].decode("utf-8", "replace")):
            return lowered.count(b"\n", 0, begin)
        at = end
        looks += 1
    return None
