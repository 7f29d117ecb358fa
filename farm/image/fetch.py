"""One file from a web server or a registry: verified, resumed after a cut, and given up when nobody needs it any more.

Only what can be told to be the same file is resumed: one whose digest is known beforehand, or whose server gives a strong
entity tag (RFC 9110, 8.8.3), which is kept beside it. Errors are ``ImageError`` with one sentence each; a full
disk is ``OSError``.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import requests
import urllib3

from farm.errors import GivenUpError, ImageError
from farm.image.digests import content
from farm.image.downloads import TAG, delete, locked
from farm.image.progress import Progress
from farm.image.unpacking import Stopped
from farm.values import dataclass

PATIENCE_S = (10.0, 30.0)
"""Seconds to wait for a connection, and for each further piece."""

_TRIES = 5
_PAUSE_S = 1.0
_CHUNK_BYTES = 1 << 16  # what may be lost of a transfer that is cut

Get: TypeAlias = Callable[[Mapping[str, str]], requests.Response]
"""Sends the request with these headers, streaming; raises ``requests.RequestException``."""

CUT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.TimeoutError,
)
"""What may be different the next time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch. ``name`` is for messages; ``key`` 64 hex digits; ``sha256`` and ``size_bytes`` where they are known."""

    name: str
    key: str
    sha256: str | None = None
    size_bytes: int | None = None


@contextlib.contextmanager
def fetched(get: Get, wanted: Wanted, folder: str, stopped: Stopped, progress: Progress) -> Iterator[tuple[int, str]]:
    """The file's descriptor, its offset at the start, and its sha256; it is deleted when the block ends.

    What had come when it was cut short stays in ``folder``, which is made, and is resumed the next time. ``ImageError``: the
    server cannot be reached, refuses, goes away for good, or sends something else than ``wanted``.
    """
    os.makedirs(folder, 0o700, exist_ok=True)
    path = os.path.join(folder, wanted.key)
    with locked(path, stopped) as fd:
        try:
            _Transfer(get, wanted, fd, path + TAG, stopped, progress).run()
            found = content(fd, wanted.name, stopped)
            if wanted.sha256 is not None and found != wanted.sha256:
                raise ImageError(
                    f"{wanted.name} has the wrong digest",
                    f"wanted sha256 {wanted.sha256}, found {found}",
                    "correct sha256, or look at what the server serves",
                )
            yield fd, found
        except (CutShortError, GivenUpError):
            raise
        except BaseException:
            delete(path)
            raise
        delete(path)


class CutShortError(ImageError):
    """The transfer ended early: what has come is kept."""


class _Transfer:
    """Fills ``fd`` with the file, in as many requests as it takes."""

    def __init__(self, get: Get, wanted: Wanted, fd: int, tag_path: str, stopped: Stopped, progress: Progress) -> None:
        self._get = get
        self._wanted = wanted
        self._fd = fd
        self._tag_path = tag_path
        self._stopped = stopped
        self._progress = progress
        self._have = os.lseek(fd, 0, os.SEEK_END)

    def run(self) -> None:
        vain = 0
        while True:
            before = self._have
            try:
                self._request()
                return
            except CUT as error:
                vain = 0 if self._have > before else vain + 1
                if vain >= _TRIES or _is_refusal(error):
                    raise self._cut(error) from error
            self._wait(_PAUSE_S * 2**vain)

    def _request(self) -> None:
        """One request for what is missing; comes back when the file is whole."""
        if self._wanted.size_bytes is not None and self._have == self._wanted.size_bytes:
            return
        headers = {"Accept-Encoding": "identity"}
        tag = self._tag()
        if self._have and (tag or self._wanted.sha256):
            headers["Range"] = f"bytes={self._have}-"
            if tag:
                headers["If-Range"] = tag
        with contextlib.closing(self._get(headers)) as response:
            if response.status_code == 416:  # there is no more than we have, or something else is there now
                self._restart("")
                raise requests.ConnectionError("the server has no such range")
            if response.status_code in (429, 500, 502, 503, 504):
                raise requests.ConnectionError(f"{response.status_code} {response.reason}")
            if response.status_code not in (200, 206):
                raise answered(self._wanted.name, response)
            if response.status_code == 200:
                self._restart(response.headers.get("ETag", ""))
            elif not self._continues(response):
                self._restart("")
                raise requests.ConnectionError("the server sent another range than the one that was asked for")
            self._receive(response)

    def _continues(self, response: requests.Response) -> bool:
        return response.headers.get("Content-Range", "").startswith(f"bytes {self._have}-")

    def _receive(self, response: requests.Response) -> None:
        length = response.headers.get("Content-Length", "")
        total = self._have + int(length) if length.isdecimal() else self._wanted.size_bytes
        self._progress(self._wanted.name, self._have, total)
        # Not through requests, which would take a compressed file for a compressed transfer.
        while piece := response.raw.read(_CHUNK_BYTES, decode_content=False):
            if self._stopped():
                raise GivenUpError(self._wanted.name)
            while piece:
                written = os.write(self._fd, piece)
                self._have += written
                piece = piece[written:]
            if self._wanted.size_bytes is not None and self._have > self._wanted.size_bytes:
                raise ImageError(
                    f"{self._wanted.name} is too long",
                    f"it should be {self._wanted.size_bytes} bytes, and more came",
                    "look at what the server serves",
                )
            self._progress(self._wanted.name, self._have, total)
        if total is not None and self._have < total:
            raise requests.ConnectionError(f"it ended after {self._have} of {total} bytes")

    def _restart(self, tag: str) -> None:
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._have = 0
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._tag_path)
        if tag.startswith('"'):  # a weak one says only that it means the same
            with open(self._tag_path, "w", encoding="latin-1") as file:
                file.write(tag)

    def _tag(self) -> str:
        try:
            with open(self._tag_path, encoding="latin-1") as file:
                return file.read(1000)
        except FileNotFoundError:
            return ""

    def _wait(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            if self._stopped():
                raise GivenUpError(self._wanted.name)
            time.sleep(0.05)

    def _cut(self, error: Exception) -> CutShortError:
        return CutShortError(
            f"cannot fetch {self._wanted.name}",
            reason(error),
            "try again: what has come is kept, and goes on from there",
        )


def reason(error: Exception) -> str:
    """What went wrong on the way, without the layers of libraries around it."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS: {getattr(error.args[0], 'reason', error)}"
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return "the server does not answer in time"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror and not isinstance(inner, requests.RequestException):
            return inner.strerror
        inner = _cause(inner)
    return str(error.args[0]) if error.args else type(error).__name__


def _cause(error: BaseException) -> BaseException | None:
    """urllib3 keeps causes in ``reason`` and in its arguments as well."""
    for each in (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__):
        if isinstance(each, BaseException):
            return each
    return None


def _is_refusal(error: Exception) -> bool:
    """Nobody listens there, the name is unknown, or the certificate is not trusted: the next second is no better."""
    if isinstance(error, requests.exceptions.SSLError):
        return True
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, (ConnectionRefusedError, urllib3.exceptions.NameResolutionError)):
            return True
        inner = _cause(inner)
    return False


def answered(name: str, response: requests.Response) -> ImageError:
    """The error for an answer that is none."""
    remedies = {
        401: "log in: docker login, or ~/.netrc for a web server",
        403: "it may need a login: docker login, or ~/.netrc for a web server",
        404: "look at the address",
    }
    detail = f"the server says {response.status_code} {response.reason}"
    return ImageError(f"cannot fetch {name}", detail, remedies.get(response.status_code, "look at the address"))
