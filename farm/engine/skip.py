"""Why a job skipped itself: the last line that it printed."""

from __future__ import annotations

import re

_MOST_BYTES = 4096
_MOST_LETTERS = 300
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_OUR_OWN = "[farm: "


def last_line(path: str, end: int) -> str:
    """The last line with anything in it of the first ``end`` bytes of the log at ``path``, without terminal escapes.

    Empty where there is none, or where it is the farm's own.
    """
    start = max(0, end - _MOST_BYTES)
    with open(path, "rb") as file:
        file.seek(start)
        text = file.read(end - start).decode(errors="replace")
    for line in reversed(text.splitlines()):
        said = " ".join(_ESCAPE.sub("", line).split())
        if said:
            return "" if said.startswith(_OUR_OWN) else _shortened(said)
    return ""


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
