"""``farm shell``: one container of a distro, with a person in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import field

from farm.app.distros import find_distro
from farm.app.folder import new_run_id
from farm.app.host import id_map, require_root, views, writable_store
from farm.app.pull import pull
from farm.engine.shell import run_shell
from farm.errors import UsageError
from farm.image.progress import Told
from farm.image.store import RemovedError, Store
from farm.model.distro import Distro, Image
from farm.model.limits import Limits
from farm.model.paths import host_name
from farm.values import dataclass

_LOGIN = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash -l; exec sh -l")


@dataclass(frozen=True, slots=True)
class ShellOptions:
    """What the user asked for. ``argv`` empty is a login shell; ``matrix`` None is the file of this folder, if any."""

    distro: str
    home: str
    argv: tuple[str, ...] = ()
    matrix: str | None = None
    catalogue: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


def shell(options: ShellOptions, telling: Callable[[], AbstractContextManager[Told]]) -> int:
    """Run the shell on this process's terminal; its exit code, 128 and the signal's number where one ended it.

    ``telling`` says whom to tell while the image is fetched or built. SIGTERM and SIGHUP end the container. Raises
    ``FarmError``: no terminal, no such distro, an image that cannot be had, a container that cannot be made.
    """
    require_root()
    if not os.isatty(0):
        raise UsageError(
            "farm shell needs a terminal", "standard input is none", "use farm run for commands in scripts"
        )
    distro = find_distro(options.distro, options.matrix, options.catalogue)
    store = writable_store(options.home)
    with contextlib.ExitStack() as held:
        with telling() as told:
            image = _held(distro, store, held, told)
        code = asyncio.run(_on_terminal(options, distro, image, store))
    return code if code >= 0 else 128 - code


def _held(distro: Distro, store: Store, held: contextlib.ExitStack, told: Told) -> Image:
    """The image of ``distro``, in the store until ``held`` ends. One that is removed before it is held is made anew."""
    while True:
        image = pull(distro, store, told).image
        with contextlib.suppress(RemovedError):
            held.enter_context(store.hold(image.digest))
            return image


async def _on_terminal(options: ShellOptions, distro: Distro, image: Image, store: Store) -> int:
    run_id = f"shell-{new_run_id(time.time())}"
    argv = options.argv or _LOGIN
    limits, hostname = options.limits, host_name(distro.name)
    shown = views(store.rootfs_dir, (image,))
    running = asyncio.ensure_future(run_shell(run_id, image, argv, shown, id_map(), hostname=hostname, limits=limits))
    came: list[int] = []

    def end(number: int) -> None:
        came.append(number)
        running.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, number)
    with contextlib.suppress(asyncio.CancelledError):
        return await running
    return -came[0]
