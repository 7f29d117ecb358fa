"""One image of a registry, through the oras library: its documents and its blobs; see the OCI distribution spec.

Credentials are those of ``docker login`` (``~/.docker/config.json`` with its helpers); a certificate authority of one's own is
found as Docker finds it (``/etc/docker/certs.d/<registry>/ca.crt``), or in ``REQUESTS_CA_BUNDLE``. Only on this machine itself
(``127.0.0.1``, ``localhost``) is a registry asked over plain http, where it has no https.

oras repeats a failed request for two minutes and cannot be told to stop, so its ``do_request`` is called without that:
``fetch`` knows when to repeat.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from farm.errors import ImageError
from farm.image import fetch, manifest
from farm.image.manifest import Descriptor
from farm.model.reference import RegistryImage, is_loopback

_ACCEPTED = ", ".join((*manifest.INDEXES, *manifest.MANIFESTS))
_DEEPEST = 3  # an index of an index, and its manifest


class Registry:
    """``image`` of its registry for ``machine``; ``written`` is what messages call it. Nothing is asked before the first call.

    A context manager: its connections are closed at the end.
    """

    def __init__(self, image: RegistryImage, written: str, machine: str) -> None:
        self._image = image
        self._machine = machine
        self._written = written
        self._asked: Any = None

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        if self._asked is not None:
            self._asked.session.close()

    def manifest(self) -> tuple[str, dict[str, object]]:
        """Digest (64 hex digits) and content of the manifest for the machine."""
        wanted, sha256 = self._image.tag, self._image.digest
        for step in range(_DEEPEST):
            data = self._document(f"manifests/{f'sha256:{sha256}' if sha256 else wanted}", _ACCEPTED)
            given = manifest.document(data, sha256 or None, self._written)
            if not manifest.is_index(given):
                if not step:
                    self._check_machine(given)  # no index said so
                return sha256 or manifest.digest(data), given
            sha256 = manifest.for_machine(given, self._machine, self._written).sha256
        raise ImageError(f"{self._written} is no image", "its index leads to further ones", "name one of its images")

    def blob(self, layer: Descriptor) -> tuple[fetch.Get, fetch.Wanted]:
        """How to fetch a layer, for ``fetch.fetched``."""
        name = f"{self._written}, layer {layer.sha256[:12]}"
        get = partial(self._get, f"blobs/sha256:{layer.sha256}")
        return get, fetch.Wanted(name, layer.sha256, layer.sha256, layer.size_bytes)

    def _check_machine(self, given: dict[str, object]) -> None:
        config = manifest.config(given, self._written)
        if config is not None:
            data = self._document(f"blobs/sha256:{config.sha256}", "*/*")
            manifest.check_machine(manifest.document(data, config.sha256, self._written), self._machine, self._written)

    def _document(self, path: str, accepted: str) -> bytes:
        try:
            with contextlib.closing(self._get(path, {"Accept": accepted})) as response:
                if response.status_code != 200:
                    raise fetch.answered(self._written, response)
                data: bytes = response.raw.read(manifest.MOST_BYTES + 1, decode_content=True)
        except fetch.CUT as error:
            raise ImageError(
                f"cannot fetch {self._written}", fetch.reason(error), "look at the name and at the registry"
            ) from error
        if len(data) > manifest.MOST_BYTES:
            raise ImageError(
                f"{self._written} is no image", f"a document of it is longer than {manifest.MOST_BYTES} bytes"
            )
        return data

    def _get(self, path: str, headers: Mapping[str, str]) -> requests.Response:
        if self._asked is None:
            self._asked = self._login()
        url = f"{self._asked.prefix}://{self._image.host}/v2/{self._image.repository}/{path}"
        try:
            found = self._request(url, headers)
            if found.status_code == 401 and getattr(self._asked.auth, "token", None):
                # Tokens live for some minutes, layers may take longer; oras shows the old one again.
                found.close()
                self._asked.auth.token = None
                found = self._request(url, headers)
        except ValueError as error:  # oras' word for a challenge that it has no answer to
            if isinstance(error, requests.RequestException):
                raise
            raise self._closed() from error
        return found

    def _request(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        found: requests.Response = type(self._asked).do_request.__wrapped__(
            self._asked, url, "GET", headers=dict(headers), stream=True
        )
        return found

    def _closed(self) -> ImageError:
        registry = self._image.registry
        return ImageError(
            f"cannot fetch {self._written}", "the registry wants a login, and there is none", f"docker login {registry}"
        )

    def _login(self) -> Any:
        """oras' client, with the kind of credentials that this registry asks for."""
        # Not above: it takes a fifth of a second, which runs without a registry need not pay.
        import oras.container
        import oras.provider

        host = self._image.host
        insecure, challenge = self._challenge()
        client = oras.provider.Registry(
            host,
            insecure=insecure,
            tls_verify=_authority(host),
            auth_backend="basic" if challenge == "basic" else "token",
        )
        for prefix in ("https://", "http://"):
            client.session.mount(prefix, _Patient())
        container = oras.container.Container(f"{host}/{self._image.repository}:latest")
        for container.registry in self._image.logins:
            client.auth.load_configs(container)
            if getattr(client.auth, "_basic_auth", ""):
                break
        if challenge == "basic" and not getattr(client.auth, "_basic_auth", ""):
            client.session.close()
            raise self._closed()
        return client

    def _challenge(self) -> tuple[bool, str]:
        """Whether it has to be plain http, and the scheme of authentication that is asked for, in lower case."""
        host = self._image.host
        try:
            response = requests.get(f"https://{host}/v2/", timeout=fetch.PATIENCE_S, verify=_authority(host))
            insecure = False
        except (requests.ConnectionError, requests.Timeout) as error:
            if not is_loopback(host) or _is_untrusted(error):
                raise
            response = requests.get(f"http://{host}/v2/", timeout=fetch.PATIENCE_S)
            insecure = True
        return insecure, response.headers.get("WWW-Authenticate", "").partition(" ")[0].lower()


class _Patient(HTTPAdapter):
    """Waits as long as ``fetch`` does: requests itself waits for ever."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or fetch.PATIENCE_S
        return super().send(request, *args, **kwargs)


def _is_untrusted(error: requests.RequestException) -> bool:
    """It has https, under a certificate that nobody here trusts: plain http would only hide that."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    inner = reason.args[0] if isinstance(reason, urllib3.exceptions.SSLError) and reason.args else None
    return isinstance(inner, ssl.SSLCertVerificationError)


def _authority(host: str) -> bool | str:
    own = f"/etc/docker/certs.d/{host}/ca.crt"
    return own if os.path.exists(own) else os.environ.get("REQUESTS_CA_BUNDLE") or True
