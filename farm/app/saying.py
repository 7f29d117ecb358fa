"""What a build printed last, as a sentence now and then."""

from __future__ import annotations

import time
from collections.abc import Callable

_TOLD_EVERY_S = 10.0
_LINE_CHARACTERS = 120


class Saying:
    """``Said`` for ``note``; the first one only when the build has gone on for a while. ``called`` is what it is doing."""

    def __init__(
        self, note: Callable[[str], object], called: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._note = note
        self._called = called
        self._clock = clock
        self._next_s = clock() + _TOLD_EVERY_S

    def __call__(self, build: str, line: str) -> None:
        now_s = self._clock()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _TOLD_EVERY_S
        text = " ".join(line.split())
        shown = text if len(text) <= _LINE_CHARACTERS else f"{text[:_LINE_CHARACTERS]}…"
        self._note(f"{self._called or build}: {shown}")
