"""Images of other machines: asked for, fetched, and then as any other."""

from __future__ import annotations

import contextlib
import email.utils
import hashlib
import platform
from collections.abc import Iterator, Mapping
from functools import partial

import requests

from farm.errors import ImageError
from farm.image import fetch, manifest
from farm.image.layers import unpack_layers
from farm.image.limits import UnpackLimits
from farm.image.making import flattened, found_or_made
from farm.image.progress import Progress
from farm.image.registry import Registry
from farm.image.remembered import Known, image_of, recall, remember, remembered_as
from farm.image.store import Store
from farm.image.unpacking import Stopped, Unpacked, unpack
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Source, SourceKind
from farm.model.reference import is_downgrade, registry_image


def resolve_remote(
    source: Source,
    store: Store,
    id_map: IdMap | None,
    stopped: Stopped,
    limits: UnpackLimits,
    *,
    progress: Progress,
    fresh: bool,
) -> Image:
    """The image at the address ``source.path``; see ``resolve.resolve``."""
    if (not fresh or source.sha256 is not None) and (there := image_of(source, store)) is not None:
        return there
    known = recall(store.references_dir, remembered_as(source))
    remote = _Remote(source, store, id_map, stopped, limits, progress)
    return remote.pulled() if source.kind is SourceKind.REGISTRY else remote.downloaded(known)


class _Remote:
    """One address and all that it takes to make an image of it."""

    def __init__(
        self,
        source: Source,
        store: Store,
        id_map: IdMap | None,
        stopped: Stopped,
        limits: UnpackLimits,
        progress: Progress,
    ) -> None:
        self._source = source
        self._address = source.path
        self._store = store
        self._id_map = id_map
        self._stopped = stopped
        self._limits = limits
        self._progress = progress

    def downloaded(self, known: Known | None) -> Image:
        """The image of a file of a web server; ``known`` is what the address led to before."""
        asks = known is not None and (known.tag or known.modified)
        there = self._store.lookup(known.digest) if known is not None and asks else None
        with _Download(self._address, verified=self._source.sha256 is not None) as asked:
            if there is not None and known is not None and asked.is_still(known):
                self._store.touch(there.digest)
                return there
            return self._fetched(asked)

    def _fetched(self, asked: _Download) -> Image:
        key = hashlib.sha256(self._address.encode("utf-8", "surrogateescape")).hexdigest()
        wanted = fetch.Wanted(self._address, key, self._source.sha256)
        with fetch.fetched(asked.get, wanted, self._store.downloads_dir, self._stopped, self._progress) as (fd, digest):

            def make(root: str) -> Unpacked:
                done = unpack(fd, self._address, root, self._id_map, self._limits, self._stopped)
                return flattened(root, self._address, done, self._id_map, self._limits, self._stopped)

            made = found_or_made(self._address, digest, self._store, make, self._stopped)
        known = Known(digest, asked.tag, asked.modified)
        remember(self._store.references_dir, remembered_as(self._source), known)
        return made

    def pulled(self) -> Image:
        """The image of a registry for this machine; its digest is that of its manifest."""
        image = registry_image(self._address)
        if image is None:
            raise ImageError(f"{self._address} names no image", "", "write oci://registry/name:tag")
        with Registry(image, self._address, self._source.arch or platform.machine()) as registry:
            digest, given = registry.manifest()
            layers = manifest.layers(given, self._address)

            def make(root: str) -> Unpacked:
                opened = (partial(self._layer, registry, layer) for layer in layers)
                return unpack_layers(opened, root, self._id_map, self._limits, self._stopped)

            made = found_or_made(self._address, digest, self._store, make, self._stopped)
        remember(self._store.references_dir, remembered_as(self._source), Known(digest))
        return made

    @contextlib.contextmanager
    def _layer(self, registry: Registry, layer: manifest.Descriptor) -> Iterator[tuple[int, str]]:
        get, wanted = registry.blob(layer)
        with fetch.fetched(get, wanted, self._store.downloads_dir, self._stopped, self._progress) as (fd, _):
            yield fd, wanted.name


class _Download:
    """Requests for one address of a web server, with proxies and passwords from the environment (``~/.netrc``).

    ``verified`` says that what comes is held against a digest that was known beforehand.
    """

    def __init__(self, address: str, *, verified: bool) -> None:
        self._address = address
        self._verified = verified
        self._session = requests.Session()
        self.tag = ""
        self.modified = ""

    def __enter__(self) -> _Download:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def is_still(self, known: Known) -> bool:
        """Whether the file is the ``known`` one, by its entity tag or else its date. False also where nobody can be asked."""
        headers = {"If-None-Match": known.tag} if known.tag else {"If-Modified-Since": known.modified}
        try:
            with contextlib.closing(self._sent(headers)) as response:
                return response.status_code == 304
        except requests.RequestException:
            return False

    def get(self, headers: Mapping[str, str]) -> requests.Response:
        """``fetch.Get``; keeps the entity tag and the date."""
        response = self._sent(headers)
        self.tag = response.headers.get("ETag", "")
        self.modified = _settled(response.headers.get("Last-Modified", ""), response.headers.get("Date", ""))
        return response

    def _sent(self, headers: Mapping[str, str]) -> requests.Response:
        response = self._session.get(self._address, headers=dict(headers), stream=True, timeout=fetch.PATIENCE_S)
        if not self._verified and is_downgrade(self._address, response.url):
            response.close()
            raise ImageError(
                f"cannot fetch {self._address}",
                f"it leads to {response.url}, where anything may come from",
                "give its sha256, or use the address of a server with https",
            )
        return response


def _settled(modified: str, now: str) -> str:
    """The date ``modified``, or empty where the file may change once more without another one (RFC 9110, 8.8.2.2).

    Dates have whole seconds: a file that is as old as the server's answer may be written again in the same second.
    """
    try:
        age = email.utils.parsedate_to_datetime(now) - email.utils.parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return ""
    return modified if age.total_seconds() >= 1 else ""
