"""Registries that hand out tokens, as the public ones do: a token that is too old by now is replaced by another."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from farm.errors import ImageError
from farm.image.resolve import resolve
from farm.model.distro import Source, SourceKind
from tests.kernel.image.archives import entry, packed
from tests.kernel.image.test_layers import Layout, tree


class Server(ThreadingHTTPServer):
    """Serves the blobs of ``layout``; each token opens ``uses`` of them. ``issued`` is how many it gave out."""

    def __init__(self, layout, uses):
        super().__init__(("127.0.0.1", 0), Handler)
        self.layout, self.uses = layout, uses
        self.issued = self.left = 0
        self.host = f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind, _, name = self.path.rpartition("sha256:")
        if self.path.startswith("/token"):
            self.server.issued, self.server.left = self.server.issued + 1, self.server.uses
            self._answer(200, b'{"token": "token-%d"}' % self.server.issued)
        elif not kind or not self._is_let_in():
            realm = f"http://{self.server.host}/token"
            self._answer(401, b"", ("WWW-Authenticate", f'Bearer realm="{realm}",service="farm",scope="pull"'))
        else:
            self._answer(200, (self.server.layout / "blobs/sha256" / name).read_bytes())

    def _is_let_in(self):
        given = self.headers.get("Authorization") == f"Bearer token-{self.server.issued}"
        self.server.left -= given
        return given and self.server.left >= 0

    def _answer(self, status, body, *headers):
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


@pytest.fixture
def pulled(images, tmp_path, monkeypatch):
    """Pull an image of three layers, a manifest and a configuration; each token opens ``uses`` of these. Server and image."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    layout = Layout(tmp_path / "layout").write([packed([entry(name)]) for name in ("a", "b", "c")])
    digest = next(path.name for path in (layout / "blobs/sha256").iterdir() if b'"layers"' in path.read_bytes())

    def take(uses):
        with Server(layout, uses) as server:
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            serving.start()
            try:
                source = Source(SourceKind.REGISTRY, f"oci://{server.host}/farm/tokens@sha256:{digest}")
                return server, resolve(source, images.store, images.id_map)
            finally:
                server.shutdown()
                serving.join()

    return take


@pytest.mark.parametrize(("uses", "issued"), [(100, 1), (2, 3), (1, 5)])
def test_a_token_that_ran_out_is_replaced(pulled, uses, issued):
    server, image = pulled(uses)
    assert set(tree(image.overlays[0].lowers[0])) == {"a", "b", "c"}
    assert server.issued == issued


def test_tokens_that_open_nothing_are_one_error(pulled, images):
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*401") as caught:
        pulled(0)
    assert caught.value.remedy
    assert images.left() == []
