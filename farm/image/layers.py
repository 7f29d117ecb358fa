"""Layers of an OCI image become one root file system: an image in the store is one flattened directory.

An image on the disk is either an OCI image layout (``oci-layout``, ``index.json``, ``blobs/sha256/...``) or what ``docker
save`` writes (``manifest.json`` and its layers); the newer ones of the latter are both. They are unpacked like any other
archive first, so that nothing but the worker ever reads an archive, and found here by what they hold.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeAlias

from farm.errors import ImageError, KernelError
from farm.image import manifest
from farm.image.digests import content
from farm.image.limits import UnpackLimits
from farm.image.unpacking import Stopped, Unpacked, unpack
from farm.kernel.files import openat2
from farm.kernel.userns import IdMap

Layer: TypeAlias = Callable[[], AbstractContextManager[tuple[int, str]]]
"""Opens a layer: its descriptor, and what it is called in messages."""

_LAYOUT, _INDEX, _SAVED = "/oci-layout", "/index.json", "/manifest.json"
_DEEPEST = 3
_REMEDY = "write the image again"


def unpack_layers(
    layers: Iterable[Layer], root: str, id_map: IdMap | None, limits: UnpackLimits, stopped: Stopped
) -> Unpacked:
    """Unpack ``layers``, the lowest first, into the empty folder ``root``. ``limits`` are those of all of them together."""
    members = size_bytes = 0
    dropped: dict[str, int] = {}
    confined = ""
    for layer in layers:
        left = limits.less(members, size_bytes)
        with layer() as (fd, name):
            done = unpack(fd, name, root, id_map, left, stopped, layer=True)
        members, size_bytes, confined = members + done.members, size_bytes + done.size_bytes, done.confined
        for kind, count in done.dropped:
            dropped[kind] = dropped.get(kind, 0) + count
    return Unpacked(members, size_bytes, tuple(sorted(dropped.items())), confined)


class Layout:
    """An image on the disk, in the folder ``path``, which nobody trusts; ``name`` is for messages."""

    def __init__(self, path: str, name: str, stopped: Stopped) -> None:
        self._name = name
        self._stopped = stopped
        self._root = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Layout:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def is_one(self) -> bool:
        """Whether it is an image on the disk at all, and not a root file system."""
        if self._there("/bin") or self._there("/usr"):
            return False
        return (self._there(_LAYOUT) and self._there(_INDEX)) or self._there(_SAVED)

    def layers(self) -> tuple[Layer, ...]:
        """What ``unpack_layers`` takes; valid while the ``with`` block lasts."""
        if self._there(_LAYOUT):
            return tuple(partial(self._opened, _blob(each.sha256), each.sha256) for each in self._manifest_layers())
        try:
            saved = json.loads(self._read(_SAVED))
        except (ValueError, RecursionError) as error:
            raise ImageError(f"{self._name} is no image", f"its manifest.json is no JSON: {error}", _REMEDY) from error
        return tuple(partial(self._opened, path, None) for path in manifest.saved_layers(saved, self._name))

    def _manifest_layers(self) -> tuple[manifest.Descriptor, ...]:
        given = manifest.document(self._read(_INDEX), None, self._name)
        for _ in range(_DEEPEST):
            if not manifest.is_index(given):
                return manifest.layers(given, self._name)
            sha256 = manifest.for_machine(given, platform.machine(), self._name).sha256
            given = manifest.document(self._read(_blob(sha256)), sha256, self._name)
        raise ImageError(
            f"{self._name} is no image", "its index leads to further ones", "write one image to an archive"
        )

    @contextlib.contextmanager
    def _opened(self, path: str, sha256: str | None) -> Iterator[tuple[int, str]]:
        fd = self._open(path)
        try:
            name = f"{self._name}, layer {path}"
            if sha256 is not None and (found := content(fd, name, self._stopped)) != sha256:
                raise ImageError(f"{name} has the wrong digest", f"wanted sha256 {sha256}, found {found}", _REMEDY)
            yield fd, name
        finally:
            os.close(fd)

    def _read(self, path: str) -> bytes:
        with open(self._open(path), "rb") as file:
            data = file.read(manifest.MOST_BYTES + 1)
        if len(data) > manifest.MOST_BYTES:
            raise ImageError(f"{self._name} is no image", f"{path} is longer than {manifest.MOST_BYTES} bytes", _REMEDY)
        return data

    def _open(self, path: str) -> int:
        try:
            return openat2(self._root, path, os.O_RDONLY | os.O_NONBLOCK)
        except KernelError as error:
            detail = f"it lacks {path}: {error.strerror}"
            raise ImageError(f"{self._name} is no whole image", detail, _REMEDY) from error

    def _there(self, path: str) -> bool:
        try:
            os.close(openat2(self._root, path, os.O_PATH))
        except KernelError:
            return False
        return True


def _blob(sha256: str) -> str:
    return f"/blobs/sha256/{sha256}"
