"""How a log differs from that of the same test where it passed: pure, bounded.

Lines that differ in numbers only (times, addresses, process ids) count as alike.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from farm.values import dataclass

MOST_LINES = 200
"""Of each log, from its end, that are compared."""
_CONTEXT = 2
_SHOWN = 120
_FOLDED = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|[0-9]+(?:[.:,][0-9]+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines that begin with a space (in both), ``-`` (where it passed) or ``+`` (here); ``…`` alone is a gap.

    ``more`` counts what was left out beyond the most that is shown.
    """

    lines: tuple[str, ...]
    more: int = 0


def difference(passed: Sequence[str], here: Sequence[str]) -> Difference:
    """What became of ``passed`` in ``here``; no lines where they are alike."""
    left, right = passed[-MOST_LINES:], here[-MOST_LINES:]
    # Without autojunk: a line that is there very often is what logs are made of. It bounds nothing that is not bounded here.
    matcher = difflib.SequenceMatcher(None, [_folded(each) for each in left], [_folded(each) for each in right], False)
    said: list[str] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        if said:
            said.append("…")
        for tag, left_begin, left_end, right_begin, right_end in group:
            if tag == "equal":
                said += [f" {each}" for each in right[right_begin:right_end]]
                continue
            said += [f"-{each}" for each in left[left_begin:left_end]]
            said += [f"+{each}" for each in right[right_begin:right_end]]
    return Difference(tuple(said[:_SHOWN]), max(0, len(said) - _SHOWN))


def _folded(each: str) -> str:
    return _FOLDED.sub("0", each).strip()
