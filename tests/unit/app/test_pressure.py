from __future__ import annotations

import asyncio

from farm.app.pressure import stalls, watch
from farm.schedule.pressure import Stalls


class Target:
    def __init__(self) -> None:
        self.heard: list[int] = []

    def pressed(self, at_most: int, /) -> None:
        self.heard.append(at_most)


def watched(*looks: Stalls) -> tuple[list[int], list[str]]:
    target, notes, left = Target(), [], [*looks, Stalls()]
    asyncio.run(watch(target, 4, notes.append, lambda: left.pop(0), 0.0))
    return target.heard, notes


def test_it_tells_of_changes_only_and_notes_their_beginnings() -> None:
    low, high, disk = Stalls(1.0, 0.0, 0.05), Stalls(40.0, 0.0, 0.05), Stalls(1.0, 90.0, 0.5)
    heard, notes = watched(low, high, high, disk, disk, low, low, high)
    assert heard == [1, 4, 0, 1]
    assert len(notes) == 2
    assert "40 %" in notes[0]


def test_a_kernel_that_does_not_say_is_not_asked_again() -> None:
    assert watched() == ([], [])


def test_this_host_has_a_share_of_memory_available() -> None:
    assert 0 < stalls().available <= 1
