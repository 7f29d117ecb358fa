"""Groups of one hierarchy or one kind: lent, taken back, used again or removed.

A released group is in one of three places: ``free`` when it is known to be empty with its counters at zero,
``settling`` while the kernel still takes charges and processes out of it, or gone. A group that does not settle soon is
replaced.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from farm.model.limits import Limits

_SETTLE_S = 0.1


class Pooled(Protocol):
    """What the pool asks of a group."""

    @property
    def reusable(self) -> bool:
        """``reset`` may ever succeed."""
        ...

    def apply(self, limits: Limits) -> None:
        """Set the limits that differ from those the group has."""
        ...

    def reset(self) -> bool:
        """Start the counters afresh: False, and nothing is promised, where the group is not empty yet."""
        ...

    def remove(self) -> bool:
        """Kill what is in the group and remove it: True when it is gone, False where the kernel still holds it."""
        ...


G = TypeVar("G", bound=Pooled)


class Pool(Generic[G]):
    """The groups that ``make`` makes. None of its methods waits."""

    __slots__ = ("_free", "_make", "_settling")

    def __init__(self, make: Callable[[], G]) -> None:
        self._make = make
        self._free: dict[Limits, list[G]] = {}
        self._settling: list[tuple[G, Limits, float]] = []

    def acquire(self, limits: Limits) -> G:
        """An empty group with ``limits``: one that has them already, else any free one, else a new one."""
        if not self._free and self._settling:
            self.sweep()
        group = self._take(limits)
        try:
            group.apply(limits)
        except OSError:
            self._settling.append((group, limits, 0.0))
            raise
        return group

    def release(self, group: G, limits: Limits) -> None:
        """Take back ``group``, which has ``limits``."""
        if not self._settled(group, limits, retire=not group.reusable):
            self._settling.append((group, limits, time.monotonic() + _SETTLE_S if group.reusable else 0.0))

    def sweep(self) -> None:
        """Look again at the groups that were not empty when they came back."""
        if self._settling:
            now = time.monotonic()
            waiting, self._settling = self._settling, []
            for group, limits, retire_at_s in waiting:
                if not self._settled(group, limits, retire=now >= retire_at_s):
                    self._settling.append((group, limits, retire_at_s))

    def _settled(self, group: G, limits: Limits, *, retire: bool) -> bool:
        if retire:
            return group.remove()
        if group.reset():
            self._free.setdefault(limits, []).append(group)
            return True
        return False

    def _take(self, limits: Limits) -> G:
        groups = self._free.get(limits)
        if groups is None:
            if not self._free:
                return self._make()
            limits, groups = next(iter(self._free.items()))
        group = groups.pop()
        if not groups:
            del self._free[limits]
        return group
