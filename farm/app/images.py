"""Which image each job of a run gets: its distro's, or what is prepared from that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from farm.app.unavailable import Unavailable
from farm.model.distro import Distro, Image
from farm.model.job import ImageKey, Prepare
from farm.model.run import UsedImage
from farm.schedule.driver import Driver

Supply: TypeAlias = Callable[[Distro], Awaitable[Image | Unavailable]]
"""The image of a distro."""
Prepared: TypeAlias = Callable[[Distro, Image, Prepare], Awaitable[Image | Unavailable]]
"""What is made of a distro's image."""


class Images:
    """Gives the driver the images that jobs wait for, each as soon as it is there.

    ``known`` are those of distros that are there already, or why they are not; ``tell`` hears of what could not be had, and
    ``used`` of what the driver gets, before it does. ``called`` is what prepared ones are called.
    """

    def __init__(
        self,
        supply: Supply,
        prepare: Prepared,
        known: Mapping[str, Image | Unavailable],
        driver: Driver,
        tell: Callable[[Unavailable], None],
        *,
        used: Callable[[UsedImage], None] = lambda _: None,
        called: Mapping[ImageKey, str] | None = None,
    ) -> None:
        self._used = used
        self._called = called or {}
        self._supply = supply
        self._prepare = prepare
        self._known = known
        self._driver = driver
        self._tell = tell

    async def provide(self, distro: Distro, keys: Sequence[ImageKey]) -> None:
        """Those of ``distro``: its own once, and what is prepared from it."""
        try:
            base = self._known.get(distro.name) or await self._supply(distro)
            if isinstance(base, Unavailable):
                self._tell(base)
            await asyncio.gather(*(self._provide(distro, base, key) for key in keys))
        except Exception as bug:  # noqa: BLE001 - jobs would wait for ever: the driver's run() is who reports it
            self._driver.abandon(bug)

    async def _provide(self, distro: Distro, base: Image | Unavailable, key: ImageKey) -> None:
        if isinstance(base, Unavailable):
            self._driver.image_failed(key, base.reason)
        elif key.prepare is None:
            self._ready(key, base)
        else:
            image = await self._prepare(distro, base, key.prepare)
            if isinstance(image, Image):
                # A command that comes to nothing for this distro leaves its image as it is.
                self._ready(key, image, "" if image is base else self._called.get(key, key.distro))
            else:
                self._tell(image)
                self._driver.image_failed(key, image.reason)

    def _ready(self, key: ImageKey, image: Image, prepared: str = "") -> None:
        self._used(UsedImage(image.digest, key.distro, image.source, image.facts, prepared))
        self._driver.image_ready(key, image)
