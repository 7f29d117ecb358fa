"""Images outside of runs, with somebody to tell meanwhile."""

from __future__ import annotations

from farm.app.host import id_map, unpack_limits
from farm.engine.build import LocalBuilder
from farm.image.choose import Chosen, first_of
from farm.image.progress import Told
from farm.image.store import Store
from farm.model.distro import Distro


def pull(distro: Distro, store: Store, told: Told, *, fresh: bool = False) -> Chosen:
    """The image of ``distro``: from the store unless ``fresh``, or fetched, unpacked or built now. Raises ``FarmError``."""
    ids = id_map()
    return first_of(
        distro,
        store,
        ids,
        limits=unpack_limits(),
        progress=told.progress,
        said=told.said,
        builder=LocalBuilder(ids),
        fresh=fresh,
    )
