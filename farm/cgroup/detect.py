"""Finding the hierarchies of this host and opening them for a run; removing what dead runs left in them."""

from __future__ import annotations

import time

from farm.cgroup import files, folder, hierarchy
from farm.cgroup.base import Manager
from farm.cgroup.hybrid import HybridManager
from farm.cgroup.v1 import V1Manager
from farm.cgroup.v2 import V2Manager
from farm.errors import KernelError
from farm.kernel import proc
from farm.values import dataclass

FOLDER = "farm"


@dataclass(frozen=True, slots=True)
class Swept:
    """Folders of dead runs: those ``removed``, and those ``kept`` because something in them would not end in time."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]


def open_hierarchies(name: str, *, root: str = "") -> Manager:
    """The manager of the run ``name`` (``farm/<run-id>``), which this process owns from here on and closes.

    ``root`` is a path below the top of every hierarchy to stay under, such as ``/user.slice``; empty is the top itself.
    Raises ``KernelError`` where a hierarchy cannot be written. A missing controller is no error: see ``missing``.
    """
    found = _layout(root)
    if not found.v2:
        return V1Manager(found.v1, root=root, name=name)
    unified = V2Manager(found.v2, root=root, name=name)
    if not found.v1:
        return unified
    try:
        return HybridManager(V1Manager(found.v1, root=root, name=name), unified)
    except OSError:
        unified.close()
        raise


def sweep_dead(*, root: str = "", timeout_s: float = 2.0) -> Swept:
    """Remove the folders of runs whose owner is dead, and kill what is left in them; those of live runs are left alone.

    May wait ``timeout_s`` for processes to end. Raises ``KernelError`` where a hierarchy cannot be written.
    """
    deadline_s = time.monotonic() + timeout_s
    removed: list[str] = []
    kept: list[str] = []
    for path in _farm_folders(root):
        gone, left = folder.sweep(path, deadline_s=deadline_s)
        removed.extend(gone)
        kept.extend(left)
    return Swept(tuple(removed), tuple(kept))


def find_dead(*, root: str = "") -> tuple[str, ...]:
    """The folders that ``sweep_dead`` would try to remove. Nothing is killed and nothing removed."""
    return tuple(found for path in _farm_folders(root) for found in folder.dead(path))


def _farm_folders(root: str) -> list[str]:
    """Where runs have their folders, in each hierarchy."""
    found = _layout(root)
    # pids first: with that limit at zero nobody forks while being killed through the other hierarchies.
    paths = [each.path for each in sorted(found.v1, key=lambda each: "pids" not in each.controllers)]
    return [f"{path}{root}/{FOLDER}" for path in ([found.v2, *paths] if found.v2 else paths)]


def mount_points() -> tuple[str, ...]:
    """Where the hierarchies are mounted that groups are made in."""
    found = _layout("")
    return (*(each.path for each in found.v1), *((found.v2,) if found.v2 else ()))


def uses_v2() -> bool:
    """Groups are made in the unified hierarchy, alone or besides others."""
    return bool(_layout("").v2)


def _layout(root: str) -> hierarchy.Layout:
    """The hierarchies to use on this host."""
    found = hierarchy.layout(proc.mounts())
    return hierarchy.split(found, _v2_controllers(found.v2, root))


def _v2_controllers(path: str, root: str) -> frozenset[str]:
    try:
        return frozenset(files.read(f"{path}{root}/cgroup.controllers").split()) if path else frozenset()
    except KernelError:
        return frozenset()
