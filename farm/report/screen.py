"""The last lines of a terminal, drawn anew in their place; what is said above them scrolls by and stays.

A line is drawn over what was there and the rest of it erased, all in one write: nothing is ever blank in between. No line
reaches the last column, so none wraps, and the cursor is where it is thought to be: at the start of the line below. It is never
hidden and the terminal is in no mode of ours: whatever ends this process leaves nothing to mend. On a terminal that became
narrower, lines that were drawn before have wrapped (those that cut them instead, as xterm does, lose a line above).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import TextIO

from farm.values import dataclass

_FALLBACK = (80, 24)


@dataclass(frozen=True, slots=True)
class Line:
    """Text with its colours, and how many columns it takes."""

    text: str
    cells: int


class Screen:
    """On ``stream``, a terminal, to which the caller writes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn: Sequence[Line] = ()
        self._width = 0

    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now."""
        try:
            found = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            found = os.terminal_size((0, 0))
        return (found.columns, found.lines) if found.columns and found.lines else shutil.get_terminal_size(_FALLBACK)

    @property
    def in_front(self) -> bool:
        """Whoever types at the terminal types to us: not so in the background of a shell, whose prompt it is then."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except OSError:
            return True  # a terminal that controls nobody

    def forget(self) -> None:
        """What was drawn is no longer above the cursor: somebody else has written since."""
        self._drawn = ()

    def drawing(self, lines: Sequence[Line], above: str = "") -> str:
        """What to write so that ``lines`` are the last ones and ``above``, which ends in a newline, is before them.

        Empty where both change nothing.
        """
        width = self.size()[0]
        lines = tuple(lines)
        if not above and lines == self._drawn and width == self._width:
            return ""
        rows = sum(1 + max(0, each.cells - 1) // max(1, width) for each in self._drawn)
        start = f"\x1b[{rows}A\r" if rows else "\r"
        if above or width != self._width:
            start += "\x1b[J"
        self._drawn, self._width = lines, width
        return start + above + "".join(f"{each.text}\x1b[K\n" for each in lines) + "\x1b[J"
