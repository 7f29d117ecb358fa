"""Prepared images for the jobs of one run: made beside its other jobs, held in the store for as long as it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeAlias

from farm.app.saying import RUN_EVERY_S, Saying, Tell, nobody
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
from farm.model.job import ImageKey, Job, Prepare
from farm.model.ports import Builder
from farm.units import format_duration

Make: TypeAlias = Callable[[Image, Preparation, Store, Builder, Stopped, Said], tuple[Image, bool]]
"""``farm.image.prepared.prepared``."""

_WHAT = "prepare"
_NAMED_TESTS = 3
_THREADS = 64  # most of them wait for one of the two turns, so that those whose image is there need not


class Preparing:
    """A context manager: at its end what still goes on is given up, and images may be removed again.

    ``note`` is told, on the loop's thread, of what was prepared, and ``progress`` how far commands have come. ``stopped`` is
    asked on other threads: nobody waits for a prepared image any more once the run is interrupted. ``called`` is what messages
    call images, see ``names``.
    """

    def __init__(
        self,
        store: Store,
        turns: Turns,
        run_dir: str,
        note: Callable[[str], None],
        stopped: Stopped,
        make: Make = prepared,
        *,
        progress: Tell = nobody,
        called: Mapping[ImageKey, str] | None = None,
    ) -> None:
        self._store = store
        self._turns = turns
        self._run_dir = run_dir
        self._note = note
        self._progress = progress
        self._stopped = stopped
        self._make = make
        self._called = called or {}
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
            called = self._called.get(ImageKey(distro.name, prepare), distro.name)
            wanted = _preparation(distro.name, called, text, prepare)
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

        def tell(what: str, text: str) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._progress, what, text)

        builder = self._turns.builder()
        saying = Saying(tell, f"preparing {wanted.called}", every_s=RUN_EVERY_S)
        try:
            image, made = self._make(base, wanted, self._store, builder, self._is_stopped, saying)
        except BuildError as error:
            return build_failed(_WHAT, wanted.name, _key(base, wanted), error, self._run_dir)
        finally:
            saying.over()
        if made and builder.took_s is not None:
            note(f"prepared {wanted.called} in {format_duration(builder.took_s)}")
        return image

    def _is_stopped(self) -> bool:
        return self._ended.is_set() or self._stopped()


def names(jobs: Iterable[Job]) -> dict[ImageKey, str]:
    """What tells the prepared images of ``jobs`` from each other: ``debian-12``, ``debian-12[cc=gcc] for unit, docs``.

    Axes and tests are named only where a distro has several images that they tell apart.
    """
    users: dict[str, dict[ImageKey, list[Job]]] = {}
    for job in jobs:
        if job.prepare is not None:
            users.setdefault(job.distro, {}).setdefault(job.image_key, []).append(job)
    found = {}
    for distro, keys in users.items():
        common = _axes([job for each in keys.values() for job in each])
        tests = {key: tuple(dict.fromkeys(job.test for job in each)) for key, each in keys.items()}
        several = len(set(tests.values())) > 1
        for key, each in keys.items():
            axes = ",".join(f"{name}={value}" for name, value in _axes(each) if (name, value) not in common)
            found[key] = distro + (f"[{axes}]" if axes and len(keys) > 1 else "")
            found[key] += f" for {_listed(tests[key])}" if several else ""
    return found


def _axes(jobs: Sequence[Job]) -> list[tuple[str, str]]:
    """The axis values that all of ``jobs`` have."""
    return [pair for pair in jobs[0].axes if all(pair in job.axes for job in jobs)]


def _listed(tests: tuple[str, ...]) -> str:
    more = f" and {len(tests) - _NAMED_TESTS} more" if len(tests) > _NAMED_TESTS else ""
    return ", ".join(tests[:_NAMED_TESTS]) + more


def _preparation(name: str, called: str, text: str, prepare: Prepare) -> Preparation:
    return Preparation(
        name=name,
        called=called,
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
