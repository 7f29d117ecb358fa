"""A host and an outside made for a test: what the farm does to a host's network is done to this one.

::

    host (this thread)                      outside
    eth0 192.0.2.2/24 ------------- eth0 192.0.2.1/24
    default via 192.0.2.1           lo 198.51.100.7/32      no route back to any container: only translated packets return
"""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from farm.kernel import process
from farm.network import messages
from farm.network.fresh import current, fresh, inside
from farm.network.host import index_of
from farm.network.netlink import ROUTE, Netlink

HOST, GATEWAY, OUTSIDE = "192.0.2.2", "192.0.2.1", "198.51.100.7"
NAME = "web.test"
"""What the name server outside says is at ``OUTSIDE``."""


@dataclass(frozen=True, slots=True)
class World:
    """``host`` and ``outside`` are descriptors of network namespaces."""

    host: int
    outside: int


@contextlib.contextmanager
def world() -> Iterator[World]:
    """This thread, and every process and thread that it starts, on the host of a world of its own."""
    home = current()
    host = fresh()
    process.setns(host, process.CLONE_NEWNET)
    outside = fresh()
    try:
        with Netlink(ROUTE) as route:
            route.ask([messages.add_veth("eth0", "eth0", outside, 1400)])
            eth0 = index_of("eth0")
            route.ask([messages.add_address(eth0, HOST, 24), messages.raise_link(index_of("lo"))])
        with inside(outside), Netlink(ROUTE) as route:
            there = index_of("eth0")
            route.ask([messages.raise_link(there), messages.raise_link(index_of("lo"))])
            route.ask([messages.add_address(there, GATEWAY, 24), messages.add_address(1, OUTSIDE, 32)])
        with Netlink(ROUTE) as route:
            route.ask([messages.add_default_route(GATEWAY)])
        yield World(host, outside)
    finally:
        process.setns(home, process.CLONE_NEWNET)
        for fd in (outside, host, home):
            os.close(fd)


class Greeting(http.server.BaseHTTPRequestHandler):
    """Says who asked."""

    def do_GET(self) -> None:
        body = f"hello {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def meeting(parties: int) -> type[Greeting]:
    """Answers when as many as ``parties`` have asked, and the next ones when as many have again."""
    barrier = threading.Barrier(parties, timeout=30)

    class Meeting(Greeting):
        def do_GET(self) -> None:
            barrier.wait()
            super().do_GET()

    return Meeting


class NameServer(socketserver.BaseRequestHandler):
    """Answers every question for an address with ``OUTSIDE`` where it is for ``NAME``, else that there is no such name."""

    def handle(self) -> None:
        query, sock = self.request
        question_end = query.index(b"\0", 12) + 5
        kind = query[question_end - 4 : question_end - 2]
        known = query[12:question_end].startswith(b"\x03web\x04test\0")
        answers = known and kind == b"\0\1"
        flags = b"\x81\x80" if known else b"\x81\x83"
        head = query[:2] + flags + b"\0\1" + (b"\0\1" if answers else b"\0\0") + bytes(4)
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(OUTSIDE) if answers else b""
        sock.sendto(head + query[12:question_end] + record, self.client_address)


@contextlib.contextmanager
def http_server(namespace: int, address: str, port: int = 80, handler: type[Greeting] = Greeting) -> Iterator[None]:
    """A web server at ``address`` in ``namespace``."""
    with serving(namespace, socketserver.ThreadingTCPServer, (address, port), handler):
        yield


@contextlib.contextmanager
def name_server(namespace: int, address: str) -> Iterator[None]:
    """A name server at ``address`` in ``namespace``."""
    with serving(namespace, socketserver.ThreadingUDPServer, (address, 53), NameServer):
        yield


@contextlib.contextmanager
def serving(
    namespace: int,
    kind: type[socketserver.BaseServer],
    address: tuple[str, int],
    handler: type[socketserver.BaseRequestHandler],
) -> Iterator[None]:
    with inside(namespace):
        server = kind(address, handler)
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
