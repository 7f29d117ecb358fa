"""How many jobs may run at once on a host that is short of memory or disk time: pure.

Quotas say what jobs may take, not what they do; what else goes on on the host is in no quota at all. The kernel tells how long
processes wait (PSI), in per cent of the last ten seconds:

- for memory, some of them: above ``MEMORY_PERCENT`` and with little memory left, one job at a time. Both, for a job that
  presses against its own quota waits as well, and that is nobody else's trouble.
- for disks, all of them: above ``IO_PERCENT``, one job a core. Not fewer: where little runs, one job that reads is all of them.

It ends at half the percentage. One job always may run, so that a run ends on any host.
"""

from __future__ import annotations

from farm.values import dataclass

MEMORY_PERCENT = 20.0
IO_PERCENT = 60.0
LITTLE_MEMORY = 0.15
"""Of the host's memory; what is available, page cache included."""


@dataclass(frozen=True, slots=True)
class Stalls:
    """Per cent of the last ten seconds, None where the kernel does not say; the share of memory that is available."""

    memory_some: float | None = None
    io_full: float | None = None
    available: float = 1.0


def at_most(stalls: Stalls, cores: int, was: int) -> int:
    """How many jobs may run at once, 0 for no bound; ``was`` is what was said before."""
    memory = MEMORY_PERCENT / 2 if was else MEMORY_PERCENT
    io = IO_PERCENT / 2 if was else IO_PERCENT
    if stalls.memory_some is not None and stalls.memory_some > memory and stalls.available < LITTLE_MEMORY:
        return 1
    return max(1, cores) if stalls.io_full is not None and stalls.io_full > io else 0


def told(stalls: Stalls, bound: int) -> str:
    """Why no more than ``bound`` jobs run at once, for people."""
    memory, io = stalls.memory_some or 0.0, stalls.io_full or 0.0
    jobs = "one job" if bound == 1 else f"{bound} jobs"
    return (
        f"the host is short: {memory:.0f} % of the time something waits for memory, {io:.0f} % everything for disks, "
        f"{stalls.available:.0%} of memory is available; {jobs} at once until it is less"
    )
