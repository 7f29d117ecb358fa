"""A real web server on loopback that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime as parsedate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """``files`` by path.

    Of each answer at most ``cut_bytes`` are sent, where that is not None; ``statuses`` come first, one an answer. The first
    ``other_ranges`` that are asked for are answered with the whole. ``asked`` is (path, Range header or empty, status) of
    every request. ``modified`` is its Last-Modified of every file, where it is not empty.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cut_bytes: int | None = None
    cuts: int = 1 << 30
    statuses: list[int] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    stalls: bool = False
    tags: bool = True
    modified: str = ""
    other_ranges: int = 0
    url: str = ""
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving(web: Web) -> Iterator[Web]:
    """``web`` on a port of its own while the ``with`` block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            status, body, headers = self._answer(wanted)
            web.asked.append((self.path, wanted, status))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if web.stalls:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                web.released.wait(60)
            elif web.cut_bytes is not None and len(body) > web.cut_bytes and web.cuts > 0:
                web.cuts -= 1
                self.wfile.write(body[: web.cut_bytes])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def _answer(self, wanted: str) -> tuple[int, bytes, dict[str, str]]:
            if web.statuses:
                return web.statuses.pop(0), b"", {}
            if self.path in web.redirects:
                return 302, b"", {"Location": web.redirects[self.path]}
            body = web.files.get(self.path)
            if body is None:
                return 404, b"not here", {}
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            headers = {"ETag": tag} if web.tags else {}
            if web.modified:
                headers["Last-Modified"] = web.modified
            since = self.headers.get("If-Modified-Since", "")
            if web.modified and since and parsedate(web.modified) <= parsedate(since):
                return 304, b"", headers
            if web.tags and self.headers.get("If-None-Match") == tag:
                return 304, b"", headers
            if wanted and web.ranges and self.headers.get("If-Range", tag) == tag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(body):
                    return 416, b"", headers
                if web.other_ranges > 0:
                    web.other_ranges -= 1
                    start = 0
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                return 206, body[start:], headers
            return 200, body, headers

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # whoever asked has gone

    with Server(("127.0.0.1", 0), Handler) as server:
        web.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield web
        finally:
            web.released.set()
            server.shutdown()
            thread.join()


def soon(condition: object, limit_s: float = 30.0) -> bool:
    """Whether ``condition`` came true in time."""
    until_s = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > until_s:
            return False
        time.sleep(0.01)  # between two looks, not instead of one
    return True
