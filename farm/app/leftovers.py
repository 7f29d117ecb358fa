"""What dead runs and broken imports left on this host, and its removal."""

from __future__ import annotations

import time

from farm.cgroup.detect import find_dead, sweep_dead
from farm.image.digests import DigestCache
from farm.image.store import Store
from farm.network import host, links, namespaces
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Collected:
    """What was ``removed``, and what was ``kept`` because something in it does not end; each a phrase for people."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]


def collect(store: Store) -> Collected:
    """Remove what no live process owns: control groups, networks and what they took of the host, imports; forget old digests.

    Mounts need nothing: they are in mount namespaces, which go with the last process in them. Raises ``OSError``.
    """
    groups = sweep_dead()
    removed = [f"control group {path}" for path in groups.removed]
    removed += [f"network namespace {name}" for name in namespaces.remove_dead()]
    removed += [f"link {each.name}" for each in links.remove_links(_abandoned())]
    with host.locked():
        removed += host.sweep().phrases()
    removed += _unfinished(store.sweep())
    DigestCache(store.digests_dir).prune(time.time())
    return Collected(tuple(removed), tuple(f"control group {path}" for path in groups.kept))


def listed(store: Store) -> tuple[str, ...]:
    """What ``collect`` would try to remove, each a phrase for people. Nothing is removed, no process ends."""
    found = [f"control group {path}" for path in find_dead()]
    found += [f"network namespace {name}" for name in namespaces.dead()]
    found += [f"link {each.name}" for each in _abandoned()]
    return (*found, *host.left().phrases(), *_unfinished(store.sweep(dry_run=True)))


def _abandoned() -> tuple[links.Link, ...]:
    """A link whose other end is elsewhere goes with the namespace that has it, which a run holds that lives."""
    return tuple(each for each in links.list_links() if not each.away)


def _unfinished(count: int) -> list[str]:
    return [f"{count} unfinished {'image' if count == 1 else 'images'} of the store"] if count else []
