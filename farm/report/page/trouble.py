"""Which line of a log tells of an error first: pure, and quick on hostile logs.

A line counts that holds a word of trouble, and is not one that says there was none (``0 errors``, ``no error``) or names a
file or an option after it (``error.c``, ``-Werror``). Words are looked for before any line is looked at closely.
"""

from __future__ import annotations

import re

_NEEDLES = (
    b"error",
    b"fail",
    b"fatal",
    b"assert",
    b"panic",
    b"traceback",
    b"exception",
    b"segmentation fault",
    b"core dumped",
    b"not found",
    b"no such file",
    b"undefined ",
    b"denied",
    b"unrecognized",
    b"cannot ",
    b"can't ",
    b"killed",
    b"abort",
)
_PAINT = re.compile(rb"\x1b\[[0-9;:]*m")
_CLOSELY = re.compile(
    rb"(?<![-\w./])(?:[A-Z][A-Za-z]*(?:Error|Exception)|(?i:errors?|errno|fail(?:ed|ure|s)?|fatal|assert(?:ion)?|panic(?:ked)?"
    rb"|traceback|exception|segmentation fault|core dumped|(?:command )?not found|no such file"
    rb"|undefined (?:reference|symbol)|(?:permission |access )?denied|unrecognized|cannot|can't|killed|abort(?:ed)?))"
    rb"(?![\w/]|[-.=][A-Za-z0-9])"
)
_ALL_WELL = re.compile(
    rb"(?i)\b(?:0|no|without|zero)\s+(?:\w+\s+)?(?:error|fail|warning|exception)|\b(?:error|fail\w*)s?\s*[:=]\s*(?:0\b|none)"
    rb"|xfail|if failed|on (?:error|failure)"
)
_MOST_LOOKS = 500
_LONGEST_LINE = 2000


def first_error(raw: bytes) -> int | None:
    """The number of the line, 0 for the first, None where no line is one."""
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
        if tells(raw[begin : min(end, begin + _LONGEST_LINE)]):
            return lowered.count(b"\n", 0, begin)
        at = end
        looks += 1
    return None


def tells(line: bytes) -> bool:
    """Whether a line is one of an error."""
    plain = _PAINT.sub(b"", line)
    return _CLOSELY.search(plain) is not None and _ALL_WELL.search(plain) is None
