"""Control groups v1: one directory a container in each hierarchy in use; files as in admin-guide/cgroup-v1.

A group is used again, because a removed one may live on in the memory controller, which has 65,535 ids, for as long as
a page is charged to it. What v1 can set back is set back (``memory.max_usage_in_bytes``), the rest is read as
differences.

Entering is by ``tasks``, not ``cgroup.procs``: a thread that moves itself there needs no ``cgroup_threadgroup_rwsem``,
whose writers wait for an RCU grace period and stop every fork of the host meanwhile (kernel/cgroup/cgroup-v1.c).
"""

from __future__ import annotations

import os
from dataclasses import replace

from farm.cgroup import counters, files, folder, members, v1_settings
from farm.cgroup.base import LEFTOVER_BYTES, Group
from farm.cgroup.hierarchy import CONTROLLERS, Hierarchy
from farm.cgroup.kept import Allowance, KeptFiles
from farm.cgroup.pool import Pool
from farm.kernel.proc import parse_keyed
from farm.model.limits import Limits, Usage
from farm.values import dataclass

_NEAR_BYTES = 4 << 20  # what may still have been asked for when the limit was met


@dataclass(frozen=True, slots=True)
class Place:
    """A run's folder in one hierarchy; ``name`` is what the hierarchy's mount point is called (``cpu,cpuacct``)."""

    name: str
    controllers: tuple[str, ...]
    folder: folder.RunFolder
    files: frozenset[str]


class V1Group:
    """A container's directories, one a hierarchy. Owns what ``KeptFiles`` keeps of them, until ``remove``."""

    __slots__ = (
        "_all_tasks",
        "_before",
        "_dirs",
        "_final",
        "_frozen",
        "_kept",
        "_path",
        "_refused_before_kill",
        "_set",
        "_sources",
        "_stale",
        "_tasks",
        "limits",
    )

    reusable = True
    v2_fd = -1

    def __init__(self, places: tuple[Place, ...], name: str, given: Allowance) -> None:
        self._kept = KeptFiles(given)
        self._dirs = tuple(f"{place.folder.path}/{name}" for place in places)
        self._all_tasks = tuple(f"{path}/tasks" for path in self._dirs)
        # blkio's is entered only where a weight is asked for: it costs as much as any.
        self._tasks = tuple(f"{place.folder.path}/{name}/tasks" for place in places if place.controllers != ("blkio",))
        self._sources = _sources(places, self._dirs)
        self._path = {
            file: f"{path}/{file}" for place, path in zip(places, self._dirs, strict=True) for file in place.files
        }
        self._set: dict[str, str] = {}
        self.limits = Limits()
        self._stale = True
        self._frozen = False
        for path in self._dirs:
            files.mkdir(path)
        self._before = self._read()
        self._final: Usage | None = None
        self._refused_before_kill: int | None = None

    def apply(self, limits: Limits) -> None:
        """Write the limits that differ from what the group has."""
        if limits == self.limits and not self._stale:
            return
        self.limits, self._stale = limits, True
        for file, value in v1_settings.changes(self._set, limits, self._path.keys()):
            self._set.pop(file, None)  # unknown, should the write fail
            files.write(self._path[file], value)
            self._set[file] = value
        self._stale = False

    def task_files(self) -> tuple[str, ...]:
        """See ``Group.task_files``. The pids hierarchy comes first: whoever is in any is in that one."""
        return self._tasks if self.limits.io_weight is None else self._all_tasks

    def view_sources(self) -> tuple[tuple[str, str], ...]:
        """See ``Group.view_sources``."""
        return self._sources

    def freeze(self, *, frozen: bool) -> None:
        """See ``Group.freeze``; does nothing without the freezer controller."""
        path = self._path.get("freezer.state")
        if path is not None:
            self._frozen = frozen
            files.write(path, "FROZEN" if frozen else "THAWED")

    def kill(self) -> None:
        """See ``Group.kill``. Forks are refused from here on, so that nobody is born behind the killer's back."""
        self._final = None
        if "pids.max" in self._path and self._refused_before_kill is None:
            # What is refused from here on is not the container's doing and must not be counted.
            self._refused_before_kill = self._read().pids_refused
            self._stale = True
            self._set["pids.max"] = "0"
            files.write(self._path["pids.max"], "0")
        if self._dirs:
            members.kill_all(self._dirs[0])
        if self._frozen:
            self.freeze(frozen=False)

    def usage(self) -> Usage:
        """See ``Group.usage``."""
        empty = self._is_empty()  # before the counters are read, or it would prove nothing about them
        now = self._read()
        if empty and now.cpu_s is not None and self._before.cpu_s is not None and now.cpu_s > self._before.cpu_s:
            self._final = now  # somebody ran and is gone: a group holds one container, so nothing is added any more
        if self._refused_before_kill is not None:
            now = replace(now, pids_refused=self._refused_before_kill)
        # memory.failcnt counts nothing where the sum with swap has the same limit, which is met first then.
        peak = now.memory_peak_bytes
        met = None if peak is None else int(peak + _NEAR_BYTES >= self.limits.memory_bytes)
        return counters.since(self._before, now, limit_hits=met)

    def memory_bytes(self) -> int | None:
        """See ``Group.memory_bytes``."""
        path = self._path.get("memory.usage_in_bytes")
        return int(files.read(path)) if path else None

    def pids(self) -> tuple[int, ...]:
        """See ``Group.pids``."""
        return members.pids(self._dirs[0]) if self._dirs else ()

    def reset(self) -> bool:
        """See ``Pooled.reset``."""
        if not self._is_empty() or (self._dirs and self._kept.has_subgroups(self._dirs[0])):
            return False
        if "memory.max_usage_in_bytes" in self._path:
            self._kept.write(self._path["memory.max_usage_in_bytes"], "0")
            if int(self._kept.read(self._path["memory.max_usage_in_bytes"])) > LEFTOVER_BYTES:  # the usage, from now on
                return False
        if self._frozen:
            self.freeze(frozen=False)
        self._before = self._final or self._read()
        self._final = None
        self._refused_before_kill = None
        return True

    def remove(self) -> bool:
        """See ``Pooled.remove``."""
        self._kept.close()
        gone = [folder.remove_tree(path, deadline_s=0.0) for path in self._dirs]
        return all(gone)

    def _is_empty(self) -> bool:
        if "pids.current" in self._path:  # counts zombies too, and what is in groups below
            return self._kept.read(self._path["pids.current"]) == "0\n"
        return not any(members.pids(path) for path in self._dirs)

    def _read(self) -> Usage:
        """The counters as they stand."""
        path, read = self._path, self._kept.read
        cpu = parse_keyed(read(path["cpu.stat"])) if "cpu.stat" in path else {}
        memory = parse_keyed(read(path["memory.oom_control"])) if "memory.oom_control" in path else {}
        pids = parse_keyed(read(path["pids.events"])) if "pids.events" in path else {}
        peak, time = path.get("memory.max_usage_in_bytes"), path.get("cpuacct.usage")
        throttled_ns = cpu.get("throttled_time")
        return Usage(
            cpu_s=int(read(time)) / 1e9 if time else None,
            memory_peak_bytes=int(read(peak)) if peak else None,
            throttled_s=throttled_ns / 1e9 if throttled_ns is not None else None,
            throttled_periods=cpu.get("nr_throttled"),
            oom_kills=memory.get("oom_kill"),
            pids_refused=pids.get("max"),
        )


def _sources(places: tuple[Place, ...], dirs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """See ``Group.view_sources``."""
    found: list[tuple[str, str]] = []
    for place, path in zip(places, dirs, strict=True):
        found.append((path, place.name))
        if "," in place.name:
            found.extend((place.name, link) for link in place.name.split(","))
    return tuple(found)


class V1Manager:
    """The groups of one run in v1 hierarchies; see ``Manager``."""

    __slots__ = ("_allowance", "_made", "_places", "_pool", "lacks")

    mode = "v1"

    def __init__(self, hierarchies: tuple[Hierarchy, ...], *, root: str, name: str) -> None:
        parent, _, run = name.rpartition("/")
        places: list[Place] = []
        try:
            for hierarchy in sorted(hierarchies, key=lambda each: "pids" not in each.controllers):
                owned = folder.own(f"{hierarchy.path}{root}/{parent}", run)
                found = frozenset(file for file in os.listdir(owned.path) if file.partition(".")[0] in CONTROLLERS)
                places.append(Place(os.path.basename(hierarchy.path), hierarchy.controllers, owned, found))
        except OSError:
            folder.close_all(tuple(place.folder for place in places))
            raise
        self._places = tuple(places)
        self._made = 0
        self._allowance = Allowance()
        self._pool = Pool(self._make)
        self.lacks = v1_settings.lacks(frozenset().union(*(place.files for place in places)))

    @property
    def missing(self) -> tuple[str, ...]:
        """See ``Manager.missing``."""
        return tuple(self.lacks.values())

    def acquire(self, limits: Limits) -> V1Group:
        """See ``Manager.acquire``."""
        return self._pool.acquire(limits)

    def release(self, group: Group) -> None:
        """See ``Manager.release``."""
        if not isinstance(group, V1Group):
            raise TypeError(f"not a group of this manager: {group!r}")
        self._pool.release(group, group.limits)

    def sweep(self) -> None:
        """See ``Manager.sweep``."""
        self._pool.sweep()

    def close(self) -> None:
        """See ``Manager.close``."""
        self._allowance.close()
        places, self._places = self._places, ()
        folder.close_all(tuple(place.folder for place in places))

    def _make(self) -> V1Group:
        self._made += 1
        return V1Group(self._places, folder.group_name(self._made), self._allowance)
