"""Images on their way into the store: found there, or made by whoever comes first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeAlias

from farm.errors import ImageError
from farm.image import trees
from farm.image.facts import read_facts
from farm.image.layers import Layout, unpack_layers
from farm.image.limits import UnpackLimits
from farm.image.record import Details
from farm.image.store import Store
from farm.image.unpacking import Stopped, Unpacked
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay

Make: TypeAlias = Callable[[str], Unpacked]
"""Fills the empty folder that it is given; what it leaves beside it is deleted."""


def found_or_made(source: str, digest: str, store: Store, make: Make, stopped: Stopped) -> Image:
    """The image ``digest`` of ``store``, made of ``source`` by ``make`` where it is not there. Raises ``ImageError``."""
    found = store.lookup(digest)
    if found is not None:
        return found
    with store.making(digest, stopped) as staging:
        if staging is None:
            made = store.lookup(digest)
            if made is None:
                raise ImageError(f"image {digest[:12]} was removed", source, "run it again to import it anew")
            return made
        root = os.path.join(staging.path, "rootfs")
        os.mkdir(root, 0o755)
        done = make(root)
        image = Image(digest, source, (Overlay("/", (root,)),), read_facts(root), done.size_bytes)
        return store.commit(staging, image, Details(time.time(), done.members, done.dropped, done.confined))


def flattened(
    root: str, name: str, done: Unpacked, id_map: IdMap | None, limits: UnpackLimits, stopped: Stopped
) -> Unpacked:
    """What ``root`` is made of in the end: where an image of layers was unpacked there, its layers take its place.

    ``done`` is what came of unpacking it, ``name`` what messages call it.
    """
    with Layout(root, name, stopped) as layout:
        if not layout.is_one():
            return done
        parent, base = os.path.split(root)
        aside = f"{base}.layers"
        os.rename(root, os.path.join(parent, aside))
        os.mkdir(root, 0o755)
        made = unpack_layers(layout.layers(), root, id_map, limits, stopped)
    parent_fd = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        trees.remove(parent_fd, aside)
    finally:
        os.close(parent_fd)
    return made
