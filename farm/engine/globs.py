"""Patterns of paths: ``*``, ``?`` and ``[]`` within one part of a path, ``**`` over any number of parts."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

DEEP = "**"
_MAGIC = re.compile(r"[*?[]")


def parts(pattern: str) -> tuple[str, ...]:
    """The parts of a path or pattern; a leading slash makes no difference, nor do empty parts."""
    return tuple(part for part in pattern.split("/") if part not in ("", "."))


def is_plain(part: str) -> bool:
    """``part`` is a name and no pattern."""
    return not _MAGIC.search(part)


def fits(part: str, name: str) -> bool:
    """The one name ``name`` is as ``part`` says."""
    return bool(_compiled(part).fullmatch(name))


def matches(pattern: str, path: str) -> bool:
    """The whole of ``path`` is as ``pattern`` says."""
    wanted, given = parts(pattern), parts(path)
    # States of a machine that reads one name after another: how many parts of the pattern are behind it.
    states = _closed({0}, wanted)
    for name in given:
        stepped = set()
        for at in states:
            if at < len(wanted) and wanted[at] == DEEP:
                stepped.add(at)
            elif at < len(wanted) and fits(wanted[at], name):
                stepped.add(at + 1)
        states = _closed(stepped, wanted)
    return len(wanted) in states


def _closed(states: set[int], wanted: tuple[str, ...]) -> set[int]:
    """``states``, and those that are reached by letting a ``**`` stand for nothing."""
    for at in sorted(states):
        while at < len(wanted) and wanted[at] == DEEP:
            at += 1
            states.add(at)
    return states


@lru_cache(maxsize=512)
def _compiled(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part))
