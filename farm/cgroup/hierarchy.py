"""Which control group hierarchies this host has and where they are mounted: decided from mountinfo alone."""

from __future__ import annotations

from collections.abc import Iterable

from farm.kernel.proc import Mount
from farm.values import dataclass

CONTROLLERS = ("cpu", "cpuacct", "memory", "pids", "freezer", "blkio")
"""The v1 controllers the farm uses. Not cpuset: a new one admits nobody until cpus and mems were copied into it."""

QUOTA_CONTROLLERS = frozenset({"cpu", "memory", "pids", "blkio"})
"""Those that hold a quota. Where v2 is used as well the rest is not needed: it counts time and freezes by itself."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted v1 hierarchy and those of our controllers that it has (``cpu,cpuacct`` are often one)."""

    path: str
    controllers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The hierarchies of a host. ``v2`` is the mount point of the unified one, empty where it is not mounted."""

    v1: tuple[Hierarchy, ...]
    v2: str = ""


def layout(mounts: Iterable[Mount]) -> Layout:
    """The hierarchies among ``mounts``. Of several mounts of one, the whole one below /sys/fs/cgroup is preferred."""
    v1: dict[tuple[str, ...], list[Mount]] = {}
    v2: list[Mount] = []
    for mount in mounts:
        if mount.fstype == "cgroup2":
            v2.append(mount)
        elif mount.fstype == "cgroup":
            controllers = tuple(name for name in CONTROLLERS if name in mount.super_options)
            if controllers:
                v1.setdefault(controllers, []).append(mount)
    return Layout(
        tuple(Hierarchy(_best(found).mount_point, controllers) for controllers, found in v1.items()),
        _best(v2).mount_point if v2 else "",
    )


def split(found: Layout, v2_controllers: frozenset[str]) -> Layout:
    """The part of ``found`` to use, where the unified hierarchy offers ``v2_controllers``.

    A unified hierarchy without any of our controllers is left out where v1 has some; a v1 hierarchy that holds no
    quota is left out where the unified one is used.
    """
    held_by_v2 = bool(found.v2) and bool(v2_controllers & {"cpu", "memory", "pids", "io"})
    if found.v1 and not held_by_v2:
        return Layout(found.v1)
    return Layout(tuple(v1 for v1 in found.v1 if QUOTA_CONTROLLERS & set(v1.controllers)), found.v2)


def _best(mounts: list[Mount]) -> Mount:
    return min(mounts, key=lambda mount: (mount.root != "/", not mount.mount_point.startswith("/sys/fs/cgroup")))
