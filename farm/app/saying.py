"""What builds and transfers are doing, as words for whoever shows it, now and then and from the thread that they are on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from farm.units import format_bytes

Tell: TypeAlias = Callable[[str, str], object]
"""Told what is going on and how far it has come; see ``Ui.progress``."""

RUN_EVERY_S = 1.0
"""How often a run is told; how much of that is shown is for its ``Ui`` to say."""
_TOLD_EVERY_S = 10.0
_LINE_CHARACTERS = 120


def nobody(_what: str, _text: str) -> None:
    """A ``Tell`` for where nobody listens."""


class Saying:
    """``Said`` for ``tell``. ``called`` is what the build is doing, where that is not its own name.

    Told every ``every_s`` seconds, and first when the build has gone on for as long.
    """

    def __init__(
        self,
        tell: Tell,
        called: str = "",
        clock: Callable[[], float] = time.monotonic,
        *,
        every_s: float = _TOLD_EVERY_S,
    ) -> None:
        self._tell = tell
        self._called = called
        self._clock = clock
        self._every_s = every_s
        self._next_s = clock() + every_s
        self._told: set[str] = set()

    def __call__(self, build: str, line: str) -> None:
        now_s = self._clock()
        if now_s < self._next_s:
            return
        self._next_s = now_s + self._every_s
        text = " ".join(line.split())
        shown = text if len(text) <= _LINE_CHARACTERS else f"{text[:_LINE_CHARACTERS]}…"
        what = self._called or build
        self._told.add(what)
        self._tell(what, shown)

    def over(self) -> None:
        """What was told of has ended."""
        for what in self._told:
            self._tell(what, "")
        self._told.clear()


class Telling:
    """``Progress`` of transfers for ``tell``, each at its beginning and then every ``every_s`` seconds."""

    def __init__(
        self, tell: Tell, clock: Callable[[], float] = time.monotonic, *, every_s: float = RUN_EVERY_S
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._every_s = every_s
        self._next_s: dict[str, float] = {}

    def __call__(self, name: str, have_bytes: int, of_bytes: int | None) -> None:
        now_s = self._clock()
        what = f"fetching {name}"
        if of_bytes is not None and have_bytes >= of_bytes:
            if self._next_s.pop(name, None) is not None:
                self._tell(what, "")
            return
        if now_s < self._next_s.get(name, 0.0):
            return
        self._next_s[name] = now_s + self._every_s
        size = f"{format_bytes(have_bytes)} of {format_bytes(of_bytes)}" if of_bytes else format_bytes(have_bytes)
        self._tell(what, size)

    def over(self) -> None:
        """What was told of has ended."""
        for name in self._next_s:
            self._tell(f"fetching {name}", "")
        self._next_s.clear()
