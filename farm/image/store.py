"""Where unpacked images live, and who may touch them when.

::

    $FARM_HOME
      store/                 0700, root's: images hold setuid files with the ids they have inside
        <digest>/            an image, complete or absent: staged below, renamed into place
          rootfs/            its root filesystem (for ``host``: the skeleton around the host's own folders)
          masks/             for ``host`` only: layers of whiteouts, one folder for each overlay
          layers/            for prepared images, in place of rootfs/: see ``prepared``
          tree               what its files were when it was imported; see ``listing``
          image.json         source, size, facts, overlays; its modification time is when the image was used last
      staging/               0700
        <random>/            an image in the making; whoever makes it holds flock(2) on the folder
        gone-<random>/       an image on its way out, likewise; it was renamed here, which works on a full disk
      locks/<digest>         flock(2): exclusive to make or remove the image, shared while a run uses it
      digests/<key>          sha256 of a tarball that was hashed before; see ``digests``
      downloads/<key>        what is being fetched; see ``downloads``
      references/<key>       where addresses led to; see ``remembered``
      failed/<key>.log       what builds printed that failed; see ``failed``

A lock belongs to a process and goes with it, so what nobody holds a lock on belongs to nobody: that is all ``sweep`` has
to know. An image is on its disk (syncfs(2)) before it is renamed, and the rename is synced before anybody is told.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from farm.errors import ImageError, UsageError
from farm.image import failed, listing, record, trees
from farm.image.digests import DigestCache
from farm.image.downloads import sweep as sweep_downloads
from farm.image.locks import flock, is_at
from farm.image.unpacking import Stopped
from farm.kernel.files import syncfs
from farm.model.distro import Image
from farm.values import dataclass

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RECORD = "image.json"
_DIGEST = re.compile("[0-9a-f]{64}")


class RemovedError(ImageError):
    """The image was there a moment ago: whoever needs it resolves it again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An image as it lies in the store; ``used_at`` is seconds since the epoch.

    ``disk_bytes`` is what it takes of the disk, or what its files hold where that was not counted when it was imported.
    ``image`` is None where its record cannot be read: ``problem`` says why.
    """

    digest: str
    used_at: float
    disk_bytes: int = 0
    image: Image | None = None
    tree: str = ""
    problem: str = ""


class Staging:
    """A folder that becomes an image. ``fd`` is open on it and holds its lock; both go when the ``with`` block ends."""

    __slots__ = ("fd", "name", "path", "stopped")

    def __init__(self, path: str, name: str, fd: int, stopped: Stopped) -> None:
        self.path = path
        self.name = name
        self.fd = fd
        self.stopped = stopped


class Store:
    """The images below ``home``. Reading needs no privilege but that of the folder; everything else needs root."""

    def __init__(self, home: str) -> None:
        self.home = os.path.realpath(home)
        self.rootfs_dir = os.path.join(self.home, "store")
        self.digests_dir = os.path.join(self.home, "digests")
        self.downloads_dir = os.path.join(self.home, "downloads")
        self.references_dir = os.path.join(self.home, "references")
        self.failed_dir = os.path.join(self.home, "failed")
        self._staging = os.path.join(self.home, "staging")
        self._locks = os.path.join(self.home, "locks")

    def lookup(self, digest: str) -> Image | None:
        """The image named ``digest``, or None."""
        try:
            with open(os.path.join(self._folder(digest), _RECORD), "rb") as file:
                return record.decode(file.read(), self._folder(digest))[0]
        except (FileNotFoundError, NotADirectoryError):
            return None

    def images(self) -> tuple[Image, ...]:
        """Every image whose record can be read, the one used last first."""
        return tuple(each.image for each in self.stored() if each.image is not None)

    def stored(self) -> tuple[Stored, ...]:
        """Everything that takes an image's place, the one used last first."""
        try:
            names = sorted(name for name in os.listdir(self.rootfs_dir) if _DIGEST.fullmatch(name))
        except FileNotFoundError:
            return ()
        except PermissionError as error:
            raise UsageError("the store is root's", str(error), "run it with sudo") from error
        found = [each for each in map(self._stored, names) if each is not None]
        return tuple(sorted(found, key=lambda each: -each.used_at))

    def _stored(self, digest: str) -> Stored | None:
        folder = self._folder(digest)
        try:
            with open(os.path.join(folder, _RECORD), "rb") as file:
                used_at = os.fstat(file.fileno()).st_mtime
                image, details = record.decode(file.read(), folder)
            return Stored(digest, used_at, details.disk_bytes or image.size_bytes, image, details.tree)
        except ImageError as error:
            return Stored(digest, used_at, problem=error.detail)
        except OSError as error:
            try:
                return Stored(digest, os.stat(folder).st_mtime, problem=str(error))
            except FileNotFoundError:
                return None  # removed meanwhile

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

    def remove(self, digest: str) -> int:
        """Delete an image; how many bytes of the disk its files had. ``UsageError`` where there is none, or a run uses it."""
        freed_bytes = self.discard(digest)
        if freed_bytes is None:
            raise UsageError(f"image {digest[:12]} is in use", "", "wait until the runs that use it have ended")
        return freed_bytes

    def discard(self, digest: str, used_at: float | None = None) -> int | None:
        """``remove``, or None where somebody uses the image, or has used it since ``used_at``."""
        with self._locked(digest, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
            if lock is None:
                return None
            folder = self._folder(digest)
            if not os.path.isdir(folder):
                os.unlink(os.path.join(self._locks, digest))
                raise UsageError(f"there is no image {digest[:12]}", "", "farm image ls shows those there are")
            if used_at is not None and self.used_at(digest) > used_at:
                return None
            name = f"gone-{secrets.token_hex(8)}"
            fd = os.open(folder, _DIRECTORY)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)  # nobody else has it: that takes the image's own lock
                os.rename(folder, os.path.join(self._staging, name))
                os.unlink(os.path.join(self._locks, digest))
                _sync(self.rootfs_dir)
                return self._delete(name)
            finally:
                os.close(fd)

    def in_use(self, digest: str) -> bool:
        """Whether somebody holds the image, or makes it, at this moment."""
        try:
            fd = os.open(os.path.join(self._locks, digest), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def hold(self, digest: str, *, use: bool = True) -> Iterator[None]:
        """Keep the image from being removed meanwhile. ``RemovedError`` where it is gone already.

        That it is used is noted at both ends, unless it is only looked at: ``use`` is False then.
        """
        with self._locked(digest, fcntl.LOCK_SH):
            if not os.path.isdir(self._folder(digest)):
                raise RemovedError(
                    f"image {digest[:12]} was removed", self._folder(digest), "run it again to import it anew"
                )
            if use:
                self.touch(digest)
            try:
                yield
            finally:
                if use:
                    self.touch(digest)

    def differences(self, stored: Stored) -> Iterator[str]:
        """What of the image is not as it was imported, each a phrase for people. ``stored`` has a ``tree``; it is held.

        Raises ``OSError`` where something of it cannot be read.
        """
        fd = os.open(self._folder(stored.digest), _DIRECTORY)
        try:
            yield from listing.differences(fd, stored.tree)
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def making(self, digest: str, stopped: Stopped = lambda: False) -> Iterator[Staging | None]:
        """A folder to make the image ``digest`` in, for ``commit``; None where it is there already.

        Of several processes one gets the folder and the others wait until it is done, or until ``stopped`` says that they
        need it no more (``ImageError``). What is not committed is deleted.
        """
        # Whoever made it may use it for hours already: that it is there is all there is to wait for.
        with self._locked(digest, fcntl.LOCK_EX, stopped, partial(self._is_settled, digest)) as lock:
            if lock is None or os.path.isdir(self._folder(digest)):
                yield None
                return
            with self._staged(stopped) as staging:
                yield staging

    def _is_settled(self, digest: str) -> bool:
        """The image is there, and nobody makes or removes it: those that have its lock use it, for as long as they run."""
        with self._locked(digest, fcntl.LOCK_SH | fcntl.LOCK_NB) as lock:
            return lock is not None and os.path.isdir(self._folder(digest))

    def commit(self, staging: Staging, image: Image, details: record.Details) -> Image:
        """Make ``staging`` the image, in one step for whoever looks; what it refers to below ``staging`` moves with it.

        Its files are listed on the way, while they are still in memory, and are on the disk before it has its name.
        ``OSError`` where that fails (EIO, ENOSPC). An ``image`` without a digest gets that of its list, and may be there
        already: that one is returned then.
        """
        tree = listing.write(staging.fd, staging.stopped)
        image = replace(image, digest=image.digest or tree.digest)
        details = replace(details, tree=tree.digest, disk_bytes=tree.disk_bytes)
        text = record.encode(image, details, staging.path)
        fd = os.open(_RECORD, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=staging.fd)
        with open(fd, "wb") as file:
            file.write(text)
        syncfs(staging.fd)
        try:
            os.rename(staging.path, self._folder(image.digest))
        except OSError as error:
            there = self.lookup(image.digest) if error.errno in (errno.ENOTEMPTY, errno.EEXIST) else None
            if there is None:
                raise
            return there
        _sync(self.rootfs_dir)
        return record.decode(text, self._folder(image.digest))[0]

    def sweep(self, *, dry_run: bool = False) -> int:
        """Delete what dead processes left in ``staging`` and what nobody goes on fetching; how many of them there were.

        With ``dry_run`` they are counted, and nothing is deleted.
        """
        swept = sweep_downloads(self.downloads_dir, time.time(), dry_run=dry_run)
        try:
            names = os.listdir(self._staging)
        except FileNotFoundError:
            return swept
        for name in names:
            try:
                fd = os.open(os.path.join(self._staging, name), _DIRECTORY)
            except (FileNotFoundError, NotADirectoryError):
                continue  # its maker was quicker, or it is nothing of ours
            try:
                if flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    if not dry_run:
                        self._delete(name)
                    swept += 1
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                # An unpacker whose parent was killed this very moment still wrote; the next sweep comes after it.
            finally:
                os.close(fd)
        if not dry_run:
            self._sweep_locks()
            DigestCache(self.digests_dir).prune(time.time())
            failed.forget(self.failed_dir, time.time())
        return swept

    def _sweep_locks(self) -> None:
        """Delete the lock files of images that are not there and that nobody is making."""
        try:
            names = os.listdir(self._locks)
        except FileNotFoundError:
            return
        for digest in names:
            if os.path.isdir(self._folder(digest)):
                continue
            with self._locked(digest, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
                if lock is not None and not os.path.isdir(self._folder(digest)):
                    os.unlink(os.path.join(self._locks, digest))

    @contextlib.contextmanager
    def _staged(self, stopped: Stopped) -> Iterator[Staging]:
        """A new folder in ``staging`` under a lock, deleted at the end if it is still there."""
        while True:
            name = secrets.token_hex(8)
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
            yield Staging(path, name, fd, stopped)
        finally:
            try:
                self._delete(name)
            finally:
                os.close(fd)

    def _delete(self, name: str) -> int:
        parent = os.open(self._staging, _DIRECTORY)
        try:
            return trees.remove(parent, name)
        finally:
            os.close(parent)

    @contextlib.contextmanager
    def _locked(
        self,
        digest: str,
        operation: int,
        stopped: Stopped = lambda: False,
        needless: Callable[[], bool] = lambda: False,
    ) -> Iterator[int | None]:
        """The lock of ``digest``; None where somebody else has it, and LOCK_NB was asked for or it is ``needless``."""
        path = os.path.join(self._locks, digest)
        self._prepare()
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                locked = flock(fd, operation, stopped, needless)
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


def unusable(home: str) -> str:
    """Why no store can be at ``home``, empty where one can: it is there or could be made, and it can be written."""
    there = os.path.abspath(home)
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    for path in (there, os.path.join(there, "store")):
        if os.path.lexists(path) and not os.path.isdir(path):
            return f"{path} is not a folder"
        if os.path.isdir(path) and not os.access(path, os.W_OK | os.X_OK):
            return f"{path} cannot be written"
    return ""


def _sync(path: str) -> None:
    fd = os.open(path, _DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
