"""The networks of a run's jobs: most have loopback only, and nothing here is done for them.

An isolated one is made before its container is, by a thread of its own (netlink(7) answers in its own time), and joined by it:
so neither the container nor anybody it shares a host with ever waits for the other's. pyroute2, which takes a fifth of a second
to import, is imported by that thread when the first job wants such a network.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from farm.container.spec import LOOPBACK_HOSTS, NO_NETWORK, ContainerSpec
from farm.engine.user import image_file
from farm.errors import FarmError
from farm.model.build import Network
from farm.network.fresh import fresh
from farm.network.owned import owned_by
from farm.values import dataclass

if TYPE_CHECKING:
    from farm.network.forwarder import Forwarder
    from farm.network.resolver import Resolver
    from farm.network.router import Port, Router

RESOLV_CONF, HOSTS = "/etc/resolv.conf", "/etc/hosts"
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Joined:
    """A job's network, as its containers are told of it; ``namespace`` is a descriptor, -1 where there is none to join."""

    kind: Network = Network.NONE
    namespace: int = -1
    resolv_conf: str = NO_NETWORK
    hosts: str = LOOPBACK_HOSTS
    port: Port | None = None

    def given(self, spec: ContainerSpec) -> ContainerSpec:
        """``spec`` in this network."""
        if self is ALONE:
            return spec
        # Without the file glibc asks name servers first, and those only where one answers: for localhost, too.
        told = "" if image_file(spec.overlays, "etc/nsswitch.conf") else "hosts: files dns\n"
        return replace(
            spec,
            network=self.kind,
            joins=self.namespace >= 0,
            resolv_conf=self.resolv_conf,
            hosts=self.hosts,
            nsswitch=told,
        )

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What goes with the request for a container, after all others."""
        return (self.namespace,) if self.namespace >= 0 else ()


ALONE = Joined()
"""Loopback only, with nobody else in it: the zygote makes such a network with the container."""


class Networks:
    """Those of one engine, and what they take on the host. Not thread-safe: everything on one loop."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._starting = asyncio.Lock()
        self._outside: _Outside | None = None
        self._unable: FarmError | None = None

    async def join(self, kind: Network, names: tuple[str, ...] = (), userns_fd: int = -1) -> Joined:
        """A network of that kind for a job, to be left again. ``names`` of its services lead to its own loopback.

        Its containers' capabilities count in it where ``userns_fd`` is theirs. Raises ``FarmError`` or ``OSError`` where
        there is none to be had.
        """
        hosts = f"127.0.0.1\t{' '.join(names)}\n" if names else ""
        if kind is Network.HOST:
            return Joined(kind, resolv_conf=host_text(RESOLV_CONF), hosts=host_names() + hosts)
        if kind is Network.NONE:
            if not names:
                return ALONE
            namespace = await self._in_thread(_new, userns_fd)
            return Joined(kind, namespace, hosts=LOOPBACK_HOSTS + hosts)
        outside = await self._started()
        port = await self._in_thread(outside.add_port, userns_fd)
        return Joined(kind, port.namespace, outside.resolv_conf(port), LOOPBACK_HOSTS + hosts, port)

    def leave(self, joined: Joined) -> None:
        """The containers in ``joined`` are gone."""
        if joined.namespace >= 0:
            os.close(joined.namespace)
        if joined.port is not None and self._outside is not None:
            self._outside.router.remove_port(joined.port)

    async def close(self) -> None:
        """Remove everything; may be called twice."""
        outside, self._outside = self._outside, None
        if outside is not None:
            await outside.stop()
            await self._in_thread(outside.router.close)
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    async def _started(self) -> _Outside:
        async with self._starting:
            if self._unable is not None:
                raise self._unable
            if self._outside is None:
                try:
                    outside = await self._in_thread(_Outside)
                except FarmError as error:
                    self._unable = error  # it would be the same for every other job
                    raise
                try:
                    await outside.start()
                except BaseException:
                    await self._in_thread(outside.router.close)
                    raise
                self._outside = outside
            return self._outside

    async def _in_thread(self, call: Callable[_P, _T], *args: _P.args, **_: _P.kwargs) -> _T:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "network")
        future = asyncio.get_running_loop().run_in_executor(self._pool, call, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(_let_go)
            raise


class _Outside:
    """The router of a run, and who answers in place of name servers that it does not reach. Made in the thread."""

    def __init__(self) -> None:
        # Not above, where every run would pay for it: this is the first use of pyroute2.
        from farm.network import forwarder, host, resolver
        from farm.network.router import Router

        reach = host.look()
        self._resolver: Resolver = resolver.parse(host_text(RESOLV_CONF))
        forwards = not self._resolver.reached(reach.addresses)
        self.router: Router = Router(reach, self._resolver.networks, forwards_dns=forwards)
        self._forwarder: Forwarder | None = None
        if forwards:
            try:
                self._sockets = forwarder.listen(self.router.namespace)
            except BaseException:
                self.router.close()
                raise
            self._forwarder = forwarder.Forwarder(tuple(map(str, self._resolver.servers)))

    async def start(self) -> None:
        if self._forwarder is not None:
            await self._forwarder.start(*self._sockets)

    async def stop(self) -> None:
        if self._forwarder is not None:
            await self._forwarder.close()

    def add_port(self, userns_fd: int) -> Port:
        return self.router.add_port(_new(userns_fd, ipv6=False))

    def resolv_conf(self, port: Port) -> str:
        return self._resolver.text(port.gateway if self._forwarder is not None else None)


def host_names() -> str:
    """The host's /etc/hosts, with loopback's names where it has none, as small images that are booted do."""
    text = host_text(HOSTS)
    named = {word for line in text.splitlines() for word in line.partition("#")[0].split()[1:]}
    return text if "localhost" in named else LOOPBACK_HOSTS + text


def host_text(path: str) -> str:
    """What the host's resolver is told, as it is; nothing where it is told nothing."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return ""
    return text if text.endswith("\n") or not text else text + "\n"


def _let_go(future: asyncio.Future[_T]) -> None:
    """Nobody waits for what was made in the thread any more."""
    if future.cancelled() or future.exception() is not None:
        return
    made = future.result()
    namespace = made if isinstance(made, int) else getattr(made, "namespace", None)
    if namespace is not None:
        os.close(namespace)  # what a port is connected to goes with it


def _new(userns_fd: int, *, ipv6: bool = True) -> int:
    return owned_by(userns_fd, ipv6=ipv6) if userns_fd >= 0 else fresh(ipv6=ipv6)
