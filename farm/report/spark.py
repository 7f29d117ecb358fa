"""A job's past in two lines of text: a letter for each outcome, a block for each duration. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from farm.model.outcome import Outcome

BLOCKS = "▁▂▃▄▅▆▇█"
DIGITS = "01234567"
"""For streams that have no blocks."""
LETTERS = {
    Outcome.PASSED: ".",
    Outcome.FAILED: "F",
    Outcome.TIMEOUT: "T",
    Outcome.OOM: "O",
    Outcome.ERROR: "E",
    Outcome.SKIPPED: "s",
    Outcome.XFAILED: "x",
    Outcome.XPASSED: "X",
    Outcome.FLAKY: "~",
    Outcome.CANCELLED: "c",
}


def letters(outcomes: Sequence[Outcome]) -> str:
    """One for each; those of bad ones are capitals."""
    return "".join(LETTERS[each] for each in outcomes)


def heights(values: Sequence[float], blocks: str = BLOCKS) -> str:
    """One of ``blocks`` for each of the values, from 0 to the greatest of them."""
    most = max(values, default=0.0)
    if most <= 0:
        return blocks[0] * len(values)
    return "".join(blocks[min(len(blocks) - 1, int(each / most * len(blocks)))] for each in values)
