from __future__ import annotations

import asyncio

from farm.app.pressure import watch
from farm.schedule.pressure import Stalls


class Target:
    def __init__(self) -> None:
        self.heard: list[bool] = []

    def pressed(self, *, high: bool) -> None:
        self.heard.append(high)


def watched(*looks: Stalls) -> tuple[list[bool], list[str]]:
    target, notes, left = Target(), [], [*looks, Stalls()]
    asyncio.run(watch(target, notes.append, lambda: left.pop(0), 0.0))
    return target.heard, notes


def test_it_tells_of_changes_only_and_notes_their_beginnings() -> None:
    low, middle, high = Stalls(1.0, 0.0), Stalls(15.0, 0.0), Stalls(40.0, 0.0)
    heard, notes = watched(low, middle, high, high, middle, low, low, high)
    assert heard == [True, False, True]
    assert len(notes) == 2
    assert "40 %" in notes[0]


def test_a_kernel_that_does_not_say_is_not_asked_again() -> None:
    assert watched() == ([], [])
