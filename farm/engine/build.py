"""Commands that make images, each in a container of its own with a zygote of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Iterator

from farm.container.spec import LOOPBACK_HOSTS, NO_NETWORK, ContainerSpec
from farm.engine import abi, verdict
from farm.engine.deadline import Deadline
from farm.engine.log import LogCapture
from farm.engine.network import RESOLV_CONF, host_names, host_text
from farm.errors import FarmError
from farm.kernel import capability
from farm.kernel.userns import IdMap
from farm.launcher.client import Client
from farm.launcher.container import Container, Ended
from farm.launcher.filter import compile_filter
from farm.model.build import Build, Network
from farm.model.outcome import Outcome
from farm.model.paths import host_name

_LOOK_S = 0.2
_GRACE_S = 5.0
_LOG_CAP_BYTES = 64 << 20
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LocalBuilder:
    """``Builder`` of ``farm.model.ports`` on this host. ``id_map`` is as ``LocalEngine`` takes it.

    A build has an event loop of its own, on the thread that asked for it: several threads may ask at once.
    """

    def __init__(self, id_map: IdMap | None) -> None:
        self._id_map = id_map

    def build(self, build: Build, log_path: str, watch: Callable[[], None]) -> str:
        """See ``Builder``. When it returns or raises, nothing of the container is left."""
        return asyncio.run(self._built(build, log_path, watch))

    async def _built(self, build: Build, log_path: str, watch: Callable[[], None]) -> str:
        writable = (build.scratch_dir, *(each.source for each in build.binds if each.writable))
        seen = {lower for overlay in build.overlays for lower in overlay.lowers}
        seen |= {each.source for each in build.binds if not each.writable}
        client = Client(f"build-{secrets.token_hex(6)}", tuple(sorted(seen)), self._id_map, writable=writable)
        try:
            await client.start()
            kept = capability.mask(capability.DEFAULT)
            client.add_filter(1, compile_filter(kept))
            with _captured(log_path) as log, _null() as null_fd:
                container = client.launch(_spec(build, kept), (null_fd, log.write_fd, log.write_fd))
                log.close_write()
                deadline = Deadline(container, build.timeout_s, _GRACE_S)
                try:
                    ended = await _watched(container, watch)
                finally:
                    deadline.cancel()
                await log.finish()
                return _reason(ended, build, timed_out=bool(deadline.passed))
        finally:
            await client.close()


@contextlib.contextmanager
def _captured(path: str) -> Iterator[LogCapture]:
    log = LogCapture(path, _LOG_CAP_BYTES)
    try:
        yield log
    finally:
        log.close()


@contextlib.contextmanager
def _null() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


async def _watched(container: Container, watch: Callable[[], None]) -> Ended:
    while not container.ended.done():
        watch()
        await asyncio.wait((container.ended,), timeout=_LOOK_S)
    return container.ended.result()


def _reason(ended: Ended, build: Build, *, timed_out: bool) -> str:
    """Why the build is no good, empty where it is. Raises ``FarmError`` for what is the farm's own."""
    found = verdict.judge(
        ended,
        timed_out=f"it ran longer than its timeout of {build.timeout_s:g} s" if timed_out else "",
        skip_exit_code=-1,
    )
    if found.failure is not None:
        raise FarmError(
            f"cannot run the {build.name}: {found.failure.step}", found.failure.message, found.failure.remedy
        )
    return "" if found.outcome is Outcome.PASSED else found.reason


def _spec(build: Build, capabilities: int) -> ContainerSpec:
    given = {"PATH": _PATH, "HOME": "/root", "TERM": "dumb", "CI": "true", **dict(build.env)}
    on_host = build.network is Network.HOST
    return ContainerSpec(
        overlays=build.overlays,
        argv=build.argv,
        environment=tuple(given.items()),
        hostname=host_name(build.hostname or build.name),
        limits=build.limits,
        capabilities=capabilities,
        filter_id=1,
        personality=abi.personality(build.arch),
        scratch_dir=build.scratch_dir,
        network=build.network,
        binds=build.binds,
        resolv_conf=host_text(RESOLV_CONF) if on_host else NO_NETWORK,
        hosts=host_names() if on_host else LOOPBACK_HOSTS,
    )
