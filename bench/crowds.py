"""Many containers alive at once: how long they take to come and go, what memory each takes, how the host feels meanwhile.

Memory is what /proc/meminfo's MemAvailable has less than before, shared among the containers: everything that a tool has for
them counts, in the kernel and out of it, as far as the host could not take it back. What a daemon had before them does not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import psutil

from bench.figures import Crowd, Lives
from bench.spawn import Spawner
from bench.tools import FAILURES, FARM, Tools, why

_PULSE = ("/bin/true",)
_PULSES = 15
_CALM_BYTES = 1 << 20
_CALM_S = 0.3
_CALMS = 10


class Many(Protocol):
    """What can have containers that stay."""

    @property
    def name(self) -> str: ...

    def alive(self, count: int, parallel: int, patience_s: float, /) -> AbstractContextManager[None]:
        """``count`` containers that sleep while the block runs. Raises ``FarmError``."""
        ...


def measure(
    lives: Lives,
    tools: Tools,
    counts: Sequence[int],
    patience_s: float,
    spawner: Spawner,
    tell: Callable[[str], object],
) -> None:
    """Each of ``counts`` of the farm and of each peer, but for those that would take a peer longer than ``patience_s``."""
    everybody: list[Many] = [*(farm for farm in tools.farms if farm.name == FARM), *tools.peers]
    for count in counts:
        for each in everybody:
            found = lives.throughput.get(each.name)
            if found is None or not found.tried:
                continue
            expected_s = count / max(found.tried.values())
            if each.name != FARM and expected_s > patience_s:
                reason = f"would take {expected_s:.0f} s (--patience {patience_s:.0f})"
                lives.crowds.append(Crowd(each.name, count, why_not=reason))
                continue
            tell(f"{count} of {each.name} alive at once")
            try:
                lives.crowds.append(_crowd(each, count, max(1, found.parallel), 10 * patience_s, spawner))
            except FAILURES as error:
                lives.crowds.append(Crowd(each.name, count, why_not=why(error)))


def _crowd(each: Many, count: int, parallel: int, patience_s: float, spawner: Spawner) -> Crowd:
    available = _calm()
    pulse_before_s = _pulse(spawner)
    started_s = time.monotonic()
    with each.alive(count, parallel, patience_s):
        up_s = time.monotonic() - started_s
        mib_each = (available - psutil.virtual_memory().available) / count / (1 << 20)
        pulse_s = _pulse(spawner)
        ended_s = time.monotonic()
    return Crowd(each.name, count, up_s, time.monotonic() - ended_s, mib_each, pulse_before_s, pulse_s)


def _pulse(spawner: Spawner) -> float:
    return statistics.median(spawner.once(_PULSE) for _ in range(_PULSES))


def _calm() -> int:
    """Bytes that are available once that does not change any more: the kernel gives back what was before in its own time."""
    before = psutil.virtual_memory().available
    for _ in range(_CALMS):
        time.sleep(_CALM_S)
        now = psutil.virtual_memory().available
        if abs(now - before) < _CALM_BYTES:
            break
        before = now
    return before
