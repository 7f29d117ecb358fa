"""Some controllers in v1 hierarchies, others in the unified one: a group in each, acting as one.

The unified half is where the container is born, frozen and killed, and it counts cpu time: it can do those without any
controller. Each quota is held by the half that has its controller.
"""

from __future__ import annotations

from farm.cgroup import counters
from farm.cgroup.base import Group
from farm.cgroup.v1 import V1Group, V1Manager
from farm.cgroup.v2 import V2Group, V2Manager
from farm.model.limits import Limits, Usage


class HybridGroup:
    """One container's groups; see ``Group``."""

    __slots__ = ("v1", "v2")

    def __init__(self, v1: V1Group, v2: V2Group) -> None:
        self.v1 = v1
        self.v2 = v2

    @property
    def v2_fd(self) -> int:
        """See ``Group.v2_fd``."""
        return self.v2.v2_fd

    def task_files(self) -> tuple[str, ...]:
        """See ``Group.task_files``: those of the v1 half."""
        return self.v1.task_files()

    def view_sources(self) -> tuple[tuple[str, str], ...]:
        """See ``Group.view_sources``: the v1 half only."""
        return self.v1.view_sources()

    def freeze(self, *, frozen: bool) -> None:
        """See ``Group.freeze``."""
        self.v2.freeze(frozen=frozen)

    def kill(self) -> None:
        """See ``Group.kill``."""
        self.v2.kill()

    def usage(self) -> Usage:
        """See ``Group.usage``."""
        return counters.merged(self.v1.usage(), self.v2.usage())

    def memory_bytes(self) -> int | None:
        """See ``Group.memory_bytes``."""
        found = self.v1.memory_bytes()
        return self.v2.memory_bytes() if found is None else found

    def pids(self) -> tuple[int, ...]:
        """See ``Group.pids``."""
        return self.v2.pids()


class HybridManager:
    """The groups of one run in both kinds of hierarchies; see ``Manager``."""

    __slots__ = ("_v1", "_v2")

    mode = "hybrid"

    def __init__(self, v1: V1Manager, v2: V2Manager) -> None:
        self._v1 = v1
        self._v2 = v2

    @property
    def missing(self) -> tuple[str, ...]:
        """See ``Manager.missing``: what neither half has."""
        return tuple(sentence for quota, sentence in self._v1.lacks.items() if quota in self._v2.lacks)

    def acquire(self, limits: Limits) -> HybridGroup:
        """See ``Manager.acquire``."""
        v2 = self._v2.acquire(limits)
        try:
            return HybridGroup(self._v1.acquire(limits), v2)
        except OSError:
            self._v2.release(v2)
            raise

    def release(self, group: Group) -> None:
        """See ``Manager.release``."""
        if not isinstance(group, HybridGroup):
            raise TypeError(f"not a group of this manager: {group!r}")
        self._v1.release(group.v1)
        self._v2.release(group.v2)

    def sweep(self) -> None:
        """See ``Manager.sweep``."""
        self._v1.sweep()
        self._v2.sweep()

    def close(self) -> None:
        """See ``Manager.close``."""
        try:
            self._v2.close()
        finally:
            self._v1.close()
