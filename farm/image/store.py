"""Where unpacked images live, and who may touch them when.

::

    $FARM_HOME
      store/                 0700, root's: images hold setuid files with the ids they have inside
        <digest>/            an image, complete or absent: staged below, renamed into place
          rootfs/            its root filesystem (for ``host``: the skeleton around the host's own folders)
          masks/             for ``host`` only: layers of whiteouts, one folder for each overlay
          image.json         source, size, facts, overlays; its modification time is when the image was used last
      staging/               0700
        <random>/            an image in the making; whoever makes it holds flock(2) on the folder
        gone-<random>/       an image on its way out, likewise
      locks/<digest>         flock(2): exclusive to make or remove the image, shared while a run uses it
      digests/<key>          sha256 of a tarball that was hashed before; see ``digests``
      downloads/<key>        what is being fetched; see ``downloads``
      references/<key>       where addresses led to; see ``remembered``

A lock belongs to a process and goes with it, so what nobody holds a lock on belongs to nobody: that is all ``sweep`` has
to know. An image is on its disk (syncfs(2)) before it is renamed, and the rename is synced before anybody is told.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator

from farm.errors import ImageError, UsageError
from farm.image import record, trees
from farm.image.digests import DigestCache
from farm.image.downloads import sweep as sweep_downloads
from farm.image.locks import flock, is_at
from farm.image.unpacking import Stopped
from farm.model.distro import Image

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RECORD = "image.json"


class Staging:
    """A folder that becomes an image. ``fd`` is open on it and holds its lock; both go when the ``with`` block ends."""

    __slots__ = ("fd", "name", "path")

    def __init__(self, path: str, name: str, fd: int) -> None:
        self.path = path
        self.name = name
        self.fd = fd


class Store:
    """The images below ``home``. Reading needs no privilege but that of the folder; everything else needs root."""

    def __init__(self, home: str) -> None:
        self.home = os.path.realpath(home)
        self.rootfs_dir = os.path.join(self.home, "store")
        self.digests_dir = os.path.join(self.home, "digests")
        self.downloads_dir = os.path.join(self.home, "downloads")
        self.references_dir = os.path.join(self.home, "references")
        self._staging = os.path.join(self.home, "staging")
        self._locks = os.path.join(self.home, "locks")

    def lookup(self, digest: str) -> Image | None:
        """The image named ``digest``, or None."""
        try:
            with open(os.path.join(self._folder(digest), _RECORD), "rb") as file:
                return record.decode(file.read(), self._folder(digest))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def images(self) -> tuple[Image, ...]:
        """Every image, the one used last first."""
        try:
            names = sorted(os.listdir(self.rootfs_dir))
        except FileNotFoundError:
            return ()
        except PermissionError as error:
            raise UsageError("the store is root's", str(error), "run it with sudo") from error
        found = [(self.used_at(image.digest), image) for image in map(self.lookup, names) if image is not None]
        return tuple(image for _, image in sorted(found, key=lambda pair: -pair[0]))

    def used_at(self, digest: str) -> float:
        """When the image was resolved or held last: wall-clock seconds since the epoch, 0 for one that is not there."""
        try:
            return os.stat(os.path.join(self._folder(digest), _RECORD)).st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return 0.0

    def touch(self, digest: str) -> None:
        """Note that the image is used now."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(os.path.join(self._folder(digest), _RECORD))

    def remove(self, digest: str) -> None:
        """Delete an image. ``UsageError`` where there is none, or a run uses it."""
        with self._locked(digest, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
            if lock is None:
                raise UsageError(f"image {digest[:12]} is in use", "", "wait until the runs that use it have ended")
            try:
                if not os.path.isdir(self._folder(digest)):
                    raise UsageError(f"there is no image {digest[:12]}", "", "farm image ls shows those there are")
                with self._staged("gone-") as staging:
                    os.rename(self._folder(digest), os.path.join(staging.path, "image"))
                    _sync(self.rootfs_dir)
            finally:
                os.unlink(os.path.join(self._locks, digest))

    @contextlib.contextmanager
    def hold(self, digest: str) -> Iterator[None]:
        """Keep the image from being removed meanwhile. ``ImageError`` where it is gone already."""
        with self._locked(digest, fcntl.LOCK_SH):
            if not os.path.isdir(self._folder(digest)):
                raise ImageError(
                    f"image {digest[:12]} was removed", self._folder(digest), "run it again to import it anew"
                )
            self.touch(digest)
            yield

    @contextlib.contextmanager
    def making(self, digest: str, stopped: Stopped = lambda: False) -> Iterator[Staging | None]:
        """A folder to make the image ``digest`` in, for ``commit``; None where it is there already.

        Of several processes one gets the folder and the others wait until it is done, or until ``stopped`` says that they
        need it no more (``ImageError``). What is not committed is deleted.
        """
        with self._locked(digest, fcntl.LOCK_EX, stopped):
            if os.path.isdir(self._folder(digest)):
                yield None
                return
            with self._staged("") as staging:
                yield staging

    def commit(self, staging: Staging, image: Image, details: record.Details) -> Image:
        """Make ``staging`` the image, in one step for whoever looks; what it refers to below ``staging`` moves with it.

        The caller has synced the file system after the last write.
        """
        text = record.encode(image, details, staging.path)
        fd = os.open(_RECORD, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=staging.fd)
        with open(fd, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
        os.fsync(staging.fd)
        os.rename(staging.path, self._folder(image.digest))
        _sync(self.rootfs_dir)
        return record.decode(text, self._folder(image.digest))

    def sweep(self) -> int:
        """Delete what dead processes left in ``staging`` and what nobody goes on fetching; how many of them there were."""
        swept = sweep_downloads(self.downloads_dir, time.time())
        try:
            names = os.listdir(self._staging)
        except FileNotFoundError:
            return swept
        for name in names:
            try:
                fd = os.open(os.path.join(self._staging, name), _DIRECTORY)
            except FileNotFoundError:
                continue  # its maker was quicker
            try:
                if flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    self._delete(name)
                    swept += 1
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                # An unpacker whose parent was killed this very moment still wrote; the next sweep comes after it.
            finally:
                os.close(fd)
        self._sweep_locks()
        DigestCache(self.digests_dir).prune(time.time())
        return swept

    def _sweep_locks(self) -> None:
        """Delete the lock files of images that are not there and that nobody is making."""
        for digest in os.listdir(self._locks):
            if os.path.isdir(self._folder(digest)):
                continue
            with self._locked(digest, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
                if lock is not None and not os.path.isdir(self._folder(digest)):
                    os.unlink(os.path.join(self._locks, digest))

    @contextlib.contextmanager
    def _staged(self, prefix: str) -> Iterator[Staging]:
        """A new folder in ``staging`` under a lock, deleted at the end if it is still there."""
        while True:
            name = prefix + secrets.token_hex(8)
            path = os.path.join(self._staging, name)
            os.mkdir(path, 0o700)
            try:
                fd = os.open(path, _DIRECTORY)
            except FileNotFoundError:
                continue  # a sweep came after mkdir
            fcntl.flock(fd, fcntl.LOCK_EX)
            if is_at(fd, path):
                break
            os.close(fd)  # it came before flock
        try:
            yield Staging(path, name, fd)
        finally:
            try:
                self._delete(name)
            finally:
                os.close(fd)

    def _delete(self, name: str) -> None:
        parent = os.open(self._staging, _DIRECTORY)
        try:
            trees.remove(parent, name)
        finally:
            os.close(parent)

    @contextlib.contextmanager
    def _locked(self, digest: str, operation: int, stopped: Stopped = lambda: False) -> Iterator[int | None]:
        """The lock of ``digest``; None where LOCK_NB was asked for and somebody else has it."""
        path = os.path.join(self._locks, digest)
        self._prepare()
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                locked = flock(fd, operation, stopped)
                right = locked and is_at(fd, path)
            except BaseException:
                os.close(fd)
                raise
            if right:
                break
            os.close(fd)  # if we have it, the file was deleted with its image while we waited: lock the new one
            if not locked:
                yield None
                return
        try:
            yield fd
        finally:
            os.close(fd)

    def _prepare(self) -> None:
        """The folders, each closed to everybody but root."""
        os.makedirs(self.home, 0o755, exist_ok=True)
        for path in (self.rootfs_dir, self._staging, self._locks, self.digests_dir):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                os.chmod(path, 0o700)

    def _folder(self, digest: str) -> str:
        return os.path.join(self.rootfs_dir, digest)


def _sync(path: str) -> None:
    fd = os.open(path, _DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
