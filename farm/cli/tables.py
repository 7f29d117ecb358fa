"""Tables for people: as wide as they come where nobody looks, and as wide as the terminal where somebody does."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

_BETWEEN = 2  # what tabulate's simple tables have between columns
_PADDING = 2  # and what it gives to each word of the header
_LEAST = 14
"""What the last column keeps in any case."""


def columns() -> int:
    """How wide the terminal is; 0 where the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _left(rows: Sequence[Sequence[str]], header: Sequence[str], most: Sequence[int | None], width: int) -> int:
    """What a table of ``width`` leaves to its last column where the others take ``most`` at most (None: what they need)."""
    taken = 0
    for number, (name, limit) in enumerate(zip(header[:-1], most, strict=True)):
        needed = max((len(row[number]) for row in rows), default=0)
        needed = needed if limit is None else min(limit, needed)
        taken += max(needed, len(name) + _PADDING) + _BETWEEN
    return width - taken


def table(
    rows: Sequence[Sequence[str]], header: Sequence[str], style: str, most: Sequence[int | None], width: int
) -> str:
    """The table; where it is wider than ``width`` (0: any) its last column wraps, and the others at ``most`` if need be."""
    from tabulate import tabulate

    widths: list[int | None] | None = None
    free: list[int | None] = [None] * len(most)
    left = _left(rows, header, free, width)
    if width and max((len(row[-1]) for row in rows), default=0) > left:
        if left < 2 * _LEAST:
            free, left = list(most), _left(rows, header, most, width)
        widths = [*free, max(left, _LEAST)]
    return tabulate(rows, header, tablefmt=style, disable_numparse=True, maxcolwidths=widths)
