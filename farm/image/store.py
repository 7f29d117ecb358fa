"""The store: unpacked root filesystems, content-addressed, complete or absent.

::

    <home>/                     0700: what lies below keeps its real owners and setuid bits
      store/<digest>/rootfs/    the tree
      store/<digest>/image.json what it is
      staging/<digest>.<pid>/   being made; renamed into store/ when whole, removed when its lock is free
      locks/<digest>            flock: exclusive while importing or removing, shared while in use
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator

from farm.errors import ImageError
from farm.model.distro import Facts, Image, Overlay


class Store:
    """The images below ``home``, which is made if it is not there."""

    def __init__(self, home: str) -> None:
        self._home = home
        self.rootfs_dir = os.path.join(home, "store")
        for folder in (home, self.rootfs_dir, self._path("staging"), self._path("locks")):
            os.makedirs(folder, 0o700, exist_ok=True)

    def lookup(self, digest: str) -> Image | None:
        """The image called ``digest``, or None."""
        try:
            with open(os.path.join(self.rootfs_dir, digest, "image.json"), encoding="utf-8") as file:
                found = json.load(file)
        except FileNotFoundError:
            return None
        overlays = tuple(Overlay(each["target"], tuple(each["lowers"])) for each in found["overlays"])
        return Image(**{**found, "overlays": overlays, "facts": Facts(**found["facts"])})

    def images(self) -> tuple[Image, ...]:
        """Every image, by digest."""
        found = (self.lookup(digest) for digest in sorted(os.listdir(self.rootfs_dir)))
        return tuple(image for image in found if image is not None)

    @contextlib.contextmanager
    def hold(self, digest: str) -> Iterator[None]:
        """Keep ``digest`` from being removed."""
        with self._lock(digest, fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def importing(self, digest: str) -> Iterator[str]:
        """A fresh staging directory to make ``digest`` in; others that want it wait. Removed if nothing was committed."""
        with self._lock(digest, fcntl.LOCK_EX):
            staged = self._path("staging", f"{digest}.{os.getpid()}")
            shutil.rmtree(staged, ignore_errors=True)
            os.mkdir(staged, 0o700)
            try:
                yield staged
            finally:
                shutil.rmtree(staged, ignore_errors=True)

    def commit(self, staged: str, image: Image) -> Image:
        """Put what was staged into the store as ``image``: from here on it is visible, whole."""
        with open(os.path.join(staged, "image.json"), "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(image), file)
            file.flush()
            os.fsync(file.fileno())
        os.sync()
        os.rename(staged, os.path.join(self.rootfs_dir, image.digest))
        return image

    def remove(self, digest: str) -> None:
        """Delete an image. Raises ``ImageError`` while a run holds it."""
        with self._lock(digest, fcntl.LOCK_EX | fcntl.LOCK_NB):
            doomed = self._path("staging", f"{digest}.removed.{os.getpid()}")
            try:
                os.rename(os.path.join(self.rootfs_dir, digest), doomed)
            except FileNotFoundError:
                raise ImageError(f"no image {digest}", "", "farm image ls shows what is there") from None
            shutil.rmtree(doomed)

    def sweep(self) -> tuple[str, ...]:
        """Remove what killed imports left in staging; returns the names."""
        swept = []
        for name in os.listdir(self._path("staging")):
            try:
                with self._lock(name.partition(".")[0], fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(self._path("staging", name), ignore_errors=True)
                    swept.append(name)
            except ImageError:
                continue  # somebody is at it
        return tuple(swept)

    @contextlib.contextmanager
    def _lock(self, digest: str, how: int) -> Iterator[None]:
        fd = os.open(self._path("locks", digest), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, how)
            except OSError as error:
                if error.errno != errno.EWOULDBLOCK:
                    raise
                raise ImageError(f"image {digest[:12]} is in use", "", "try again when the run has ended") from None
            yield
        finally:
            os.close(fd)

    def _path(self, *parts: str) -> str:
        return os.path.join(self._home, *parts)
