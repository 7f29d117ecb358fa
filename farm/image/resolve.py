"""From a distro's source to an image in the store."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

from farm.errors import ImageError
from farm.image import host, pack
from farm.image.digests import DigestCache, identity
from farm.image.facts import read_facts
from farm.image.limits import UnpackLimits
from farm.image.record import Details
from farm.image.store import Store
from farm.image.unpacking import Stopped, Unpacked, unpack
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay, Source, SourceKind

Make: TypeAlias = Callable[[str], Unpacked]

_LIMITS = UnpackLimits()


def resolve(
    source: Source,
    store: Store,
    id_map: IdMap | None,
    stopped: Stopped = lambda: False,
    limits: UnpackLimits = _LIMITS,
) -> Image:
    """The image of ``source``, from the store or imported into it. Raises ``ImageError`` naming what is wrong with it.

    ``stopped`` is asked again and again, on this thread: as soon as it says so, the import is given up with ``ImageError``.
    """
    try:
        if source.kind is SourceKind.HOST:
            return host.resolve(store)
        if source.kind is SourceKind.DIRECTORY:
            return _directory(source, store, id_map, stopped, limits)
        return _tarball(source, store, id_map, stopped, limits)
    except OSError as error:
        raise ImageError(
            f"cannot import {source.path or source.kind}", str(error), "look at the path and the space that is left"
        ) from error


def _tarball(source: Source, store: Store, id_map: IdMap | None, stopped: Stopped, limits: UnpackLimits) -> Image:
    # A FIFO in the place of the file would block here without O_NONBLOCK.
    fd = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise ImageError(f"cannot import {source.path}", "it is neither a file nor a directory")
        digest = DigestCache(store.digests_dir).of_file(fd, source.path, stopped)
        _check(source, digest)

        def make(root: str) -> Unpacked:
            done = unpack(fd, source.path, root, id_map, limits, stopped)
            if identity(os.fstat(fd)) != identity(before):
                raise ImageError(f"{source.path} changed while it was imported", "", "import it again")
            return done

        return _found_or_made(source, digest, store, make, stopped)
    finally:
        os.close(fd)


def _directory(source: Source, store: Store, id_map: IdMap | None, stopped: Stopped, limits: UnpackLimits) -> Image:
    path = os.path.realpath(source.path)
    if path == "/" or store.home == path or store.home.startswith(path + "/"):
        raise ImageError(
            f"cannot import {source.path}",
            "it holds the farm's own store" if path != "/" else "it is this host's root",
            "the image called host shows what of this host may be shown",
        )
    cache = DigestCache(store.digests_dir)
    digest, before = cache.of_tree(path, stopped)
    _check(source, digest)

    def make(root: str) -> Unpacked:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        packing = threading.Thread(target=pack.pack, args=(path, write_end), daemon=True)
        packing.start()
        try:
            done = unpack(read_end, source.path, root, id_map, limits, stopped)
        finally:
            os.close(read_end)
            packing.join()
        if cache.of_tree(path, stopped)[1] != before:
            raise ImageError(f"{source.path} changed while it was imported", "", "import it when nobody writes to it")
        return done

    return _found_or_made(source, digest, store, make, stopped)


def _check(source: Source, digest: str) -> None:
    if source.sha256 is not None and source.sha256.lower() != digest:
        raise ImageError(
            f"{source.path} has the wrong digest",
            f"wanted sha256 {source.sha256}, found {digest}",
            "fetch it again, or correct sha256",
        )


def _found_or_made(source: Source, digest: str, store: Store, make: Make, stopped: Stopped) -> Image:
    found = store.lookup(digest)
    if found is not None:
        return found
    with store.making(digest, stopped) as staging:
        if staging is None:
            made = store.lookup(digest)
            if made is None:
                raise ImageError(f"image {digest[:12]} was removed", source.path, "run it again to import it anew")
            return made
        root = os.path.join(staging.path, "rootfs")
        os.mkdir(root, 0o755)
        done = make(root)
        image = Image(digest, source.path, (Overlay("/", (root,)),), read_facts(root), done.size_bytes)
        return store.commit(staging, image, Details(time.time(), done.members, done.dropped, done.confined))
