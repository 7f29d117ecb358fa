"""A line to a server on loopback that is cut again and again."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Line:
    """A line to a server; of what comes back each connection carries ``most_bytes`` and is then cut, ``cuts`` times."""

    host: str
    most_bytes: int
    cuts: int


@contextlib.contextmanager
def cut_line(to: str, most_bytes: int, cuts: int) -> Iterator[Line]:
    """A ``Line`` to the server ``to``, for as long as the ``with`` block lasts."""
    target, port = to.split(":")

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((target, int(port))) as far:
                asking = threading.Thread(target=_carry, args=(self.request, far))
                asking.start()
                with contextlib.suppress(OSError):
                    carried = 0
                    while data := far.recv(4096):
                        carried += len(data)
                        if carried > line.most_bytes and line.cuts > 0:
                            line.cuts -= 1
                            break
                        self.request.sendall(data)
                for each in (self.request, far):
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                asking.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Relay) as server:
        line = Line(f"127.0.0.1:{server.server_address[1]}", most_bytes, cuts)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield line
        finally:
            server.shutdown()
            serving.join()


def _carry(near: socket.socket, far: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := near.recv(4096):
            far.sendall(data)
