"""When the host is too short of memory or disk time for one more job: pure.

Quotas say what jobs may take, not what they do; what else goes on on the host is in no quota at all. Where the kernel tells
how long processes wait (PSI), nothing new starts while some of them waited for memory, or all of them for the disk, longer
than this in the last ten seconds. It starts again at half of it. One job always runs, so that a run ends on any host.
"""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_PERCENT = 20.0
"""Of the time in which some process waited for memory: reclaim that thrashes, long before anything is killed."""
IO_PERCENT = 60.0
"""Of the time in which all processes that could run waited for a disk."""


@dataclass(frozen=True, slots=True)
class Stalls:
    """Per cent of the last ten seconds; None where the kernel does not say."""

    memory_some: float | None = None
    io_full: float | None = None


def high(stalls: Stalls, *, was_high: bool) -> bool:
    """Whether nothing new should start."""
    factor = 0.5 if was_high else 1.0
    memory = stalls.memory_some is not None and stalls.memory_some > MEMORY_PERCENT * factor
    return memory or (stalls.io_full is not None and stalls.io_full > IO_PERCENT * factor)


def told(stalls: Stalls) -> str:
    """Why nothing new starts, for people."""
    memory, io = stalls.memory_some or 0.0, stalls.io_full or 0.0
    return f"the host is short: {memory:.0f} % of the time something waits for memory, {io:.0f} % everything for disks"
