"""Passes what containers ask of name servers on to those of the host that they cannot reach themselves.

A host often has its resolver on its own loopback (systemd-resolved, dnsmasq), where no container comes, or speaks IPv6 to it.
Then containers are told that the router is the name server. What they ask there comes out here, on the farm's event loop, and
is asked once more by the host itself. Answers go back as they are: only the two bytes that tell queries apart are looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from typing import Any

from farm.network.fresh import inside

_PORT = 53
_ID_BYTES = 2
_PATIENCE_S = 3.0  # of one server; the C library asks again after five
_IDLE_S = 30.0
_MOST_QUERIES, _MOST_OF_ONE = 512, 32
_MOST_CONNECTIONS = 64
_CHUNK_BYTES = 1 << 14


def listen(namespace: int) -> tuple[socket.socket, socket.socket]:
    """Sockets for ``Forwarder`` in the network namespace ``namespace``; the caller owns them. In a thread of its own."""
    with inside(namespace):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for each in (datagrams, streams):
        each.bind(("0.0.0.0", _PORT))
    streams.listen(_MOST_CONNECTIONS)
    return datagrams, streams


class Forwarder:
    """Serves on the loop that ``start`` is called on. ``servers`` are tried in order; ``port`` is theirs.

    What is more at once than containers need is dropped, of all of them and of one: they may be hostile, the loop has other
    work, and one must not take the name servers from the others.
    """

    def __init__(self, servers: tuple[str, ...], port: int = _PORT) -> None:
        self._servers = servers
        self._port = port
        self._transport: asyncio.DatagramTransport | None = None
        self._listener: asyncio.Server | None = None
        self._queries: set[asyncio.Task[None]] = set()
        self._asking: Counter[str] = Counter()
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, datagrams: socket.socket, streams: socket.socket) -> None:
        """Take over the sockets of ``listen``."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Queries(self), sock=datagrams)
        self._listener = await asyncio.start_server(self._connected, sock=streams)

    async def close(self) -> None:
        """Answer nobody any more; may be called twice."""
        if self._transport is not None:
            self._transport.close()
        if self._listener is not None:
            self._listener.close()
        tasks = (*self._queries, *self._connections)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def asked(self, query: bytes, client: Any) -> None:
        """A datagram came from ``client``, an address and a port."""
        address = client[0]
        if len(self._queries) >= _MOST_QUERIES or self._asking[address] >= _MOST_OF_ONE or len(query) <= _ID_BYTES:
            return

        def over(task: asyncio.Task[None]) -> None:
            self._queries.discard(task)
            self._asking[address] -= 1
            if not self._asking[address]:
                del self._asking[address]

        task = asyncio.ensure_future(self._answer(query, client))
        self._queries.add(task)
        self._asking[address] += 1
        task.add_done_callback(over)

    async def _answer(self, query: bytes, client: Any) -> None:
        loop = asyncio.get_running_loop()
        for server in self._servers:
            try:
                transport, waiting = await loop.create_datagram_endpoint(
                    lambda: _Answer(query[:_ID_BYTES]), remote_addr=(server, self._port)
                )
            except OSError:
                continue  # no route to it
            try:
                transport.sendto(query)
                answer = await asyncio.wait_for(waiting.came, _PATIENCE_S)
            except (OSError, TimeoutError):
                continue
            finally:
                transport.close()
            if self._transport is not None:
                self._transport.sendto(answer, client)
            return

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= _MOST_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._relay(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            self._connections.discard(task)
            await _closed(writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for server in self._servers:
            try:
                upstream = await asyncio.wait_for(asyncio.open_connection(server, self._port), _PATIENCE_S)
            except (OSError, TimeoutError):
                continue
            try:
                async with asyncio.timeout(_IDLE_S):
                    await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))
            except (OSError, TimeoutError):
                pass  # either side has gone; the other is told by the end of its connection
            finally:
                upstream[1].transport.abort()
                await _closed(upstream[1])
            return


class _Queries(asyncio.DatagramProtocol):
    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._forwarder.asked(data, addr)


class _Answer(asyncio.DatagramProtocol):
    """Waits for the datagram that answers the query with this ``number``."""

    def __init__(self, number: bytes) -> None:
        self._number = number
        self.came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002
        if data[:_ID_BYTES] == self._number and not self.came.done():
            self.came.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.came.done():
            self.came.set_exception(exc)


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Close it once what was written is sent, and wait for that as long as may be."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), _IDLE_S)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK_BYTES):
        target.write(data)
        await target.drain()
    with contextlib.suppress(OSError):
        target.write_eof()
