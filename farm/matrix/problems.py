"""What is wrong with a matrix file: every error at once, each shown at its place in the file."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass

from farm.errors import UsageError

_SHOWN_AT_MOST = 50
_EXCERPT_COLUMNS = 70  # with what stands before it, a line of a small terminal


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error. ``line`` and ``column`` count from 1 and are 0 where the file as a whole is meant.

    ``message`` and ``remedy`` are lower case without a full stop; ``remedy`` and ``source_line`` may be empty.
    """

    file: str
    line: int
    column: int
    message: str
    remedy: str = ""
    source_line: str = ""

    @property
    def told(self) -> str:
        """Place and message, on one line."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{printable(place)}: {printable(self.message)}"

    def __str__(self) -> str:
        parts = [self.told]
        if self.line and self.source_line.strip():
            parts.extend(_excerpt(self.line, self.column, self.source_line))
        if self.remedy:
            parts.append(f"  {printable(self.remedy)}")
        return "\n".join(parts)


class MatrixError(UsageError):
    """A matrix file that cannot be used; ``problems`` are in the order of the file and ``str()`` is ready to print."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(dict.fromkeys(sorted(problems)))
        count = len(self.problems)
        shown = [str(problem) for problem in self.problems[:_SHOWN_AT_MOST]]
        if count > _SHOWN_AT_MOST:
            shown.append(f"and {count - _SHOWN_AT_MOST} more")
        errors = f"{count} error{'' if count == 1 else 's'}"
        files = sorted({problem.file for problem in self.problems})
        brief = f"{os.path.basename(files[0])} has {errors}" if len(files) == 1 else f"{errors} in {len(files)} files"
        super().__init__(printable(brief), "\n".join(shown))


def printable(text: str) -> str:
    """``text`` with everything unprintable escaped, so that a terminal shows it and obeys none of it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _excerpt(line: int, column: int, source_line: str) -> tuple[str, str]:
    """The source line, cut to a window around ``column``, and a caret below that column."""
    clean = "".join(c if c.isprintable() else " " for c in source_line.rstrip())
    start = max(0, column - _EXCERPT_COLUMNS * 3 // 4) if len(clean) > _EXCERPT_COLUMNS else 0
    window = clean[start : start + _EXCERPT_COLUMNS]
    # Wide characters take two cells of a terminal: the caret has to stand below the right one.
    before = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in window[: max(0, column - 1 - start)])
    return f"{line:>6} | {window}", f"       | {' ' * before}^"
