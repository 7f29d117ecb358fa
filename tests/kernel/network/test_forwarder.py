"""What containers ask of name servers, asked once more by the farm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import socketserver
import struct

import pytest

from farm.network.forwarder import Forwarder, listen
from farm.network.fresh import fresh, inside
from farm.network.messages import raise_link
from farm.network.netlink import ROUTE, Netlink
from tests.kernel.world import name_server, serving, world

QUERY = b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0\x03web\x04test\0\0\1\0\1"
ADDRESS = bytes((198, 51, 100, 7))
"""Where the name server of the world says it is."""
SERVER = "127.0.0.53"


@pytest.fixture
def made():
    with world() as found:
        yield found


@pytest.fixture
def router():
    """A network namespace for the forwarder to listen in, its loopback in the place of containers."""
    namespace = fresh()
    with inside(namespace), Netlink(ROUTE) as route:
        route.ask([raise_link(1)])
    yield namespace
    os.close(namespace)


class LongAnswer(socketserver.BaseRequestHandler):
    """A name server over TCP, where a length goes before each message: more than a datagram may hold."""

    def handle(self) -> None:
        (length,) = struct.unpack("!H", self.request.recv(2))
        asked = self.request.recv(length)
        self.request.sendall(struct.pack("!H", 40000) + asked[:2] + bytes(39998))


class Lasting(LongAnswer):
    """Keeps the connection until the other side has had enough."""

    def handle(self) -> None:
        super().handle()
        with contextlib.suppress(ConnectionResetError):
            self.request.recv(1)


class Liar(socketserver.BaseRequestHandler):
    """Answers what was not asked first, as somebody would who guesses, then what was."""

    def handle(self) -> None:
        query, sock = self.request
        sock.sendto(b"\xff\xff" + query[2:] + b"guessed", self.client_address)
        sock.sendto(query[:2] + b"true", self.client_address)


def through(router, servers, ask):
    """What ``ask``, called in a thread, makes of a forwarder to ``servers``."""

    async def go():
        forwarder = Forwarder(servers)
        await forwarder.start(*listen(router))
        try:
            return await asyncio.to_thread(ask)
        finally:
            await forwarder.close()
            await forwarder.close()

    return asyncio.run(go())


def client(router, kind=socket.SOCK_DGRAM, limit_s=20.0):
    with inside(router):
        found = socket.socket(socket.AF_INET, kind)
    found.settimeout(limit_s)
    found.connect(("127.0.0.1", 53))
    return found


def ask_once(router):
    with client(router) as sock:
        sock.send(QUERY)
        return sock.recv(512)


def test_an_answer_comes_back_to_who_asked(made, router):
    with name_server(made.host, SERVER):
        answer = through(router, (SERVER,), lambda: ask_once(router))
    assert (answer[:2], answer[-4:]) == (QUERY[:2], ADDRESS)


@pytest.mark.slow_in_vm
def test_the_next_server_is_asked_where_one_does_not_answer(made, router):
    with name_server(made.host, SERVER):
        answer = through(router, ("127.0.0.9", "203.0.113.1", "::1", SERVER), lambda: ask_once(router))
    assert answer[-4:] == ADDRESS


def test_what_answers_another_query_is_passed_over(made, router):
    with serving(made.host, socketserver.ThreadingUDPServer, (SERVER, 53), Liar):
        assert through(router, (SERVER,), lambda: ask_once(router)) == QUERY[:2] + b"true"


def test_without_any_server_nobody_is_answered_and_nothing_is_left(made, router):
    def ask():
        with client(router, limit_s=0.5) as sock:
            sock.send(QUERY)
            with pytest.raises(TimeoutError):
                sock.recv(512)

    through(router, ("127.0.0.9",), ask)


@pytest.mark.slow_in_vm
def test_a_flood_does_not_keep_it_from_answering(made, router):
    def ask():
        with client(router) as flood:
            for number in range(5000):
                flood.send(number.to_bytes(2, "big") + QUERY[2:])
            flood.send(b"x")
        with client(router, limit_s=0.5) as sock:
            for _ in range(40):  # as the C library does: what came in the flood was dropped
                sock.send(QUERY)
                with contextlib.suppress(TimeoutError):
                    return sock.recv(512)
        return b""

    with name_server(made.host, SERVER):
        assert through(router, (SERVER,), ask)[-4:] == ADDRESS


def test_long_answers_over_a_connection(made, router):
    def ask():
        with client(router, socket.SOCK_STREAM) as sock:
            sock.sendall(struct.pack("!H", len(QUERY)) + QUERY)
            with sock.makefile("rb") as stream:
                return stream.read(40002)

    with serving(made.host, socketserver.ThreadingTCPServer, (SERVER, 53), LongAnswer):
        answer = through(router, ("127.0.0.9", SERVER), ask)
    assert (len(answer), answer[:4]) == (40002, struct.pack("!H", 40000) + QUERY[:2])


def test_a_connection_that_is_open_goes_with_it(made, router):
    def ask():
        sock = client(router, socket.SOCK_STREAM)
        sock.sendall(struct.pack("!H", len(QUERY)) + QUERY)
        assert sock.recv(2) == struct.pack("!H", 40000)
        return sock

    with serving(made.host, socketserver.ThreadingTCPServer, (SERVER, 53), Lasting):
        left_open = through(router, (SERVER,), ask)
        with left_open, contextlib.suppress(ConnectionResetError):
            while left_open.recv(1 << 16):
                pass
