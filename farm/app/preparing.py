"""Prepared images for the jobs of one run: made beside its other jobs, held in the store for as long as it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeAlias

from farm.app.saying import Saying
from farm.app.turns import Turns
from farm.app.unavailable import Unavailable, build_failed, unavailable
from farm.errors import FarmError
from farm.image.building import BuildError
from farm.image.prepared import Preparation, prepared
from farm.image.progress import Said
from farm.image.store import RemovedError, Store
from farm.image.unpacking import Stopped
from farm.matrix.prepare import script
from farm.model.distro import Distro, Image
from farm.model.job import Prepare
from farm.model.ports import Builder
from farm.units import format_duration

Make: TypeAlias = Callable[[Image, Preparation, Store, Builder, Stopped, Said], tuple[Image, bool]]
"""``farm.image.prepared.prepared``."""

_WHAT = "prepare"
_THREADS = 64  # most of them wait for one of the two turns, so that those whose image is there need not


class Preparing:
    """A context manager: at its end what still goes on is given up, and images may be removed again.

    ``note`` is told, on the loop's thread, how far commands have come. ``stopped`` is asked on other threads: nobody waits for
    a prepared image any more once the run is interrupted.
    """

    def __init__(
        self,
        store: Store,
        turns: Turns,
        run_dir: str,
        note: Callable[[str], None],
        stopped: Stopped,
        make: Make = prepared,
    ) -> None:
        self._store = store
        self._turns = turns
        self._run_dir = run_dir
        self._note = note
        self._stopped = stopped
        self._make = make
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(_THREADS, "prepare")
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Preparing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # As with imports: the threads give up soon, and this process ends only when they have.
        self._ended.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._held.close()

    async def image(self, distro: Distro, base: Image, prepare: Prepare) -> Image | Unavailable:
        """What ``prepare`` makes of ``base``, the image of ``distro``."""
        loop = asyncio.get_running_loop()
        try:
            text = script(prepare, distro, base.facts)
            if not text.strip():
                return base
            wanted = _preparation(distro.name, text, prepare)
            while True:
                found = await loop.run_in_executor(self._pool, self._made, base, wanted, loop)
                if isinstance(found, Unavailable):
                    return found
                with contextlib.suppress(RemovedError):  # between the two: it is made anew
                    self._held.enter_context(self._store.hold(found.digest))
                    return found
        except (FarmError, OSError) as error:
            return unavailable(_WHAT, error)

    def _made(self, base: Image, wanted: Preparation, loop: asyncio.AbstractEventLoop) -> Image | Unavailable:
        """On a thread of the pool."""

        def note(text: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the command is being given up
                loop.call_soon_threadsafe(self._note, text)

        builder = self._turns.builder()
        saying = Saying(note, f"preparing {wanted.name}")
        try:
            image, made = self._make(base, wanted, self._store, builder, self._is_stopped, saying)
        except BuildError as error:
            return build_failed(_WHAT, wanted.name, _key(base, wanted), error, self._run_dir)
        if made and builder.took_s is not None:
            note(f"prepared {wanted.name} in {format_duration(builder.took_s)}")
        return image

    def _is_stopped(self) -> bool:
        return self._ended.is_set() or self._stopped()


def _preparation(name: str, text: str, prepare: Prepare) -> Preparation:
    return Preparation(
        name=name,
        script=text,
        argv=(*prepare.shell, "-c", text),
        env=prepare.env,
        network=prepare.network,
        binds=prepare.binds,
        timeout_s=prepare.timeout_s,
        limits=prepare.limits,
    )


def _key(base: Image, wanted: Preparation) -> str:
    """Eight digits that tell the logs of one distro apart."""
    return hashlib.sha256(repr((base.digest, wanted)).encode("utf-8", "surrogatepass")).hexdigest()[:8]
