"""Tells a run when its host is short of memory or disk time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import psutil

from farm.kernel.pressure import stalled
from farm.schedule.pressure import Stalls, at_most, told

_EVERY_S = 1.0


class Pressed(Protocol):
    """Who holds jobs back; ``Driver`` is such."""

    def pressed(self, at_most: int, /) -> None: ...


def stalls() -> Stalls:
    """Those of this host."""
    memory, io = stalled("memory"), stalled("io")
    if memory is None and io is None:
        return Stalls()
    have = psutil.virtual_memory()
    return Stalls(memory[0] if memory else None, io[1] if io else None, have.available / have.total)


async def watch(
    target: Pressed,
    cores: int,
    note: Callable[[str], None],
    look: Callable[[], Stalls] = stalls,
    every_s: float = _EVERY_S,
) -> None:
    """Look now and then, until cancelled; ``note`` is told when it begins. Ends at once where the kernel does not say."""
    was = 0
    while (found := look()) != Stalls():
        bound = at_most(found, cores, was)
        if bound != was:
            target.pressed(bound)
            if bound and not was:
                note(told(found, bound))
            was = bound
        await asyncio.sleep(every_s)
