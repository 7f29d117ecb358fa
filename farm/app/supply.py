"""Images for the distros of one run: imported beside its jobs, held in the store for as long as it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from farm.app.saying import RUN_EVERY_S, Saying, Tell, Telling, nobody
from farm.app.turns import Turns
from farm.app.unavailable import Unavailable, build_failed, unavailable
from farm.errors import FarmError
from farm.image.building import BuildError
from farm.image.choose import Chosen, first_of
from farm.image.limits import UnpackLimits
from farm.image.store import RemovedError, Store
from farm.kernel.userns import IdMap
from farm.model.distro import Distro, Image

_UNPACKERS = 4


class Supply:
    """A context manager: at its end imports that still go on are given up, and images may be removed again.

    Beside that it deletes what imports of killed runs left unfinished. ``note`` is told, on the loop's thread, where another
    source than a distro's first one served, and ``progress`` how far what is fetched or built has come. What a bootstrap that
    failed printed goes to ``run_dir``. ``locked`` is the digest that a lock file has for distros by name;
    ``tried`` says of those that are another image what each of their sources gave.
    """

    def __init__(
        self,
        store: Store,
        id_map: IdMap,
        limits: UnpackLimits,
        note: Callable[[str], None],
        turns: Turns,
        run_dir: str,
        *,
        progress: Tell = nobody,
        locked: Mapping[str, str] | None = None,
    ) -> None:
        self.tried: dict[str, tuple[str, ...]] = {}
        self._locked = locked or {}
        self._store = store
        self._id_map = id_map
        self._limits = limits
        self._note = note
        self._progress = progress
        self._turns = turns
        self._run_dir = run_dir
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(_UNPACKERS, "image")
        self._held = contextlib.ExitStack()
        self._pool.submit(store.sweep)

    def __enter__(self) -> Supply:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The threads give up soon, and this process ends only when they have: nothing they made is left.
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._held.close()

    async def image(self, distro: Distro) -> Image | Unavailable:
        """The image of ``distro``."""
        try:
            while True:
                found = await self._in_thread(distro)
                with contextlib.suppress(RemovedError):  # between the two: it is made anew
                    self._held.enter_context(self._store.hold(found.image.digest))
                    if found.tried:
                        self.tried[distro.name] = found.tried
                    elif found.why:
                        self._note(f"{distro.name}: from {found.source.path or found.source.kind}, because {found.why}")
                    return found.image
        except BuildError as error:
            return build_failed("bootstrap", distro.name, secrets.token_hex(4), error, self._run_dir)
        except (FarmError, OSError) as error:
            return unavailable("image", error)

    async def _in_thread(self, distro: Distro) -> Chosen:
        loop = asyncio.get_running_loop()
        locked = self._locked.get(distro.name, "")
        given = (distro, self._store, self._id_map, self._stop.is_set, self._limits)

        def tell(what: str, text: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the import is being given up
                loop.call_soon_threadsafe(self._progress, what, text)

        fetching, saying = Telling(tell), Saying(tell, every_s=RUN_EVERY_S)
        try:
            return await loop.run_in_executor(
                self._pool,
                lambda: first_of(*given, progress=fetching, said=saying, builder=self._turns.builder(), locked=locked),
            )
        finally:
            fetching.over()
            saying.over()
