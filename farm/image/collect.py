"""Which images a store can do without: those not used for long, and as many of the others as it has no room for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from farm.errors import UsageError
from farm.image.store import Store, Stored
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """None of the two is no rule. ``most_bytes`` is what all images together may take of the disk."""

    older_than_s: float | None = None
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Discarded:
    """An image that went, or would go: ``freed_bytes`` of the disk with it."""

    stored: Stored
    freed_bytes: int


def superfluous(images: Sequence[Stored], rules: Rules, now_s: float, busy: Collection[str]) -> tuple[Stored, ...]:
    """What of ``images`` goes by ``rules``, the one that was used least recently first; never one of the digests ``busy``.

    Those count for ``most_bytes`` all the same.
    """
    left_bytes = sum(each.disk_bytes for each in images)
    found = []
    for each in sorted(images, key=lambda image: image.used_at):
        old = rules.older_than_s is not None and each.used_at < now_s - rules.older_than_s
        large = rules.most_bytes is not None and left_bytes > rules.most_bytes
        if (old or large) and each.digest not in busy:
            left_bytes -= each.disk_bytes
            found.append(each)
    return tuple(found)


def collect(store: Store, rules: Rules, now_s: float, *, dry_run: bool) -> Iterator[Discarded]:
    """Remove what goes by ``rules``, one image after the other, each told when it is gone. Raises ``OSError``.

    What comes into use meanwhile stays, and something else goes in its place. ``dry_run`` removes nothing.
    """
    images = store.stored()
    busy = {each.digest for each in images if store.in_use(each.digest)}
    while going := superfluous(images, rules, now_s, busy):
        first = going[0]
        freed_bytes = first.disk_bytes if dry_run else _discarded(store, first)
        if freed_bytes is None:
            busy.add(first.digest)
            continue
        yield Discarded(first, freed_bytes)
        images = tuple(each for each in images if each is not first)


def _discarded(store: Store, image: Stored) -> int | None:
    try:
        return store.discard(image.digest, image.used_at)
    except UsageError:
        return 0  # somebody else removed it


def taken_bytes(store: Store) -> int:
    """What all images together take of the disk."""
    return sum(each.disk_bytes for each in store.stored())
