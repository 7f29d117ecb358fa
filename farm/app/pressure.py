"""Tells a run when its host is short of memory or disk time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from farm.kernel.pressure import stalled
from farm.schedule.pressure import Stalls, high, told

_EVERY_S = 1.0


class Pressed(Protocol):
    """Who holds jobs back; ``Driver`` is such."""

    def pressed(self, *, high: bool) -> None: ...


def stalls() -> Stalls:
    """Those of this host."""
    memory, io = stalled("memory"), stalled("io")
    return Stalls(memory[0] if memory else None, io[1] if io else None)


async def watch(
    target: Pressed, note: Callable[[str], None], look: Callable[[], Stalls] = stalls, every_s: float = _EVERY_S
) -> None:
    """Look now and then, until cancelled; ``note`` is told when it begins. Ends at once where the kernel does not say."""
    was_high = False
    while (found := look()) != Stalls():
        is_high = high(found, was_high=was_high)
        if is_high != was_high:
            target.pressed(high=is_high)
            if is_high:
                note(f"{told(found)}; one job at a time until it is less")
            was_high = is_high
        await asyncio.sleep(every_s)
