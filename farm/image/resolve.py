"""From a distro's source to an image in the store."""

from __future__ import annotations

import errno
import os
import stat
import threading

from farm.errors import DiskError, GivenUpError, ImageError
from farm.image import host, pack
from farm.image.bootstrap import bootstrap, bootstrapped
from farm.image.digests import DigestCache, identity
from farm.image.limits import UnpackLimits
from farm.image.making import flattened, found_or_made
from farm.image.progress import Progress, Said
from farm.image.remembered import image_of
from farm.image.store import Store
from farm.image.unpacking import Stopped, Unpacked, started, unpack
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Source, SourceKind
from farm.model.ports import Builder

_LIMITS = UnpackLimits()
_OF_THIS_HOST = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def resolve(
    source: Source,
    store: Store,
    id_map: IdMap | None,
    stopped: Stopped = lambda: False,
    limits: UnpackLimits = _LIMITS,
    *,
    progress: Progress = lambda *_: None,
    said: Said = lambda *_: None,
    builder: Builder | None = None,
    fresh: bool = False,
) -> Image:
    """The image of ``source``, from the store or imported into it. Raises ``ImageError`` naming what is wrong with it.

    ``stopped`` is asked again and again, on this thread: as soon as it says so, the import is given up with ``ImageError``.
    ``progress`` is told of what is fetched, and ``said`` of what is built by ``builder``. An address is asked again, and a
    recipe followed again, where ``fresh`` says so, or the store lacks its image.
    """
    try:
        if source.kind in (SourceKind.URL, SourceKind.REGISTRY):
            # Not above: the libraries that speak HTTP take a fifth of a second, which others need not pay.
            from farm.image.remote import resolve_remote

            return resolve_remote(source, store, id_map, stopped, limits, progress=progress, fresh=fresh)
        if source.kind is SourceKind.HOST:
            return host.resolve(store)
        if source.kind is SourceKind.BOOTSTRAP:
            if builder is None:
                raise ImageError(f"the {source.path} needs containers", "", "farm image pull makes it")
            return bootstrap(source, store, builder, stopped, said, limits, fresh=fresh)
        if source.kind is SourceKind.DIRECTORY:
            return _directory(source, store, id_map, stopped, limits)
        return _tarball(source, store, id_map, stopped, limits)
    except OSError as error:
        kind = DiskError if error.errno in _OF_THIS_HOST else ImageError
        raise kind(
            f"cannot import {source.path or source.kind}", str(error), "look at the path and the space that is left"
        ) from error


def known(source: Source, store: Store, stopped: Stopped = lambda: False) -> Image | None:
    """The image of ``source`` if the store has it, told without a request; None also where that cannot be told.

    A file or a directory is read for it, unless it is as it was the last time. ``host`` is never known: it is always there.
    """
    cache = DigestCache(store.digests_dir)
    try:
        if source.kind in (SourceKind.URL, SourceKind.REGISTRY):
            return image_of(source, store)
        if source.recipe is not None:
            return bootstrapped(source, store)
        if source.kind is SourceKind.DIRECTORY:
            return store.lookup(cache.of_tree(os.path.realpath(source.path), stopped)[0])
        if source.kind is SourceKind.TARBALL:
            fd = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return store.lookup(cache.of_file(fd, source.path, stopped))
            finally:
                os.close(fd)
    except GivenUpError:
        raise
    except (ImageError, OSError):
        pass  # whoever resolves it says what is wrong with it
    return None


def _tarball(source: Source, store: Store, id_map: IdMap | None, stopped: Stopped, limits: UnpackLimits) -> Image:
    # A FIFO in the place of the file would block here without O_NONBLOCK.
    fd = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise ImageError(f"cannot import {source.path}", "it is neither a file nor a directory")
        cache = DigestCache(store.digests_dir)
        if (digest := cache.known(fd)) is not None and (found := store.lookup(digest)) is not None:
            _check(source, digest)
            return found
        # Most likely it has to be unpacked: the worker starts while the digest is taken.
        with started(fd, id_map, limits) as worker:
            digest = cache.of_file(fd, source.path, stopped)
            _check(source, digest)

            def make(root: str) -> Unpacked:
                done = worker.unpack(source.path, root, stopped)
                done = flattened(root, source.path, done, id_map, limits, stopped)
                if identity(os.fstat(fd)) != identity(before):
                    raise ImageError(f"{source.path} changed while it was imported", "", "import it again")
                return done

            return found_or_made(source.path, digest, store, make, stopped)
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
        return flattened(root, source.path, done, id_map, limits, stopped)

    return found_or_made(source.path, digest, store, make, stopped)


def _check(source: Source, digest: str) -> None:
    if source.sha256 is not None and source.sha256.lower() != digest:
        raise ImageError(
            f"{source.path} has the wrong digest",
            f"wanted sha256 {source.sha256}, found {digest}",
            "fetch it again, or correct sha256",
        )
