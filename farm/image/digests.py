"""What names an image: sha256 of a tarball, or of all that a directory holds; and a cache, so that it is counted once.

::

    $FARM_HOME/digests/<key>   64 hex digits; <key> is the sha256 of the device, inode, size, mtime and ctime of the
                               file, or of every file of the directory. Its own mtime is when it was used last

ctime cannot be set, so a file that has the five of before has the content of before, unless both changes came within one
tick of the clock that file times are taken from: what changed less than two seconds ago is not cached.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator

from farm.errors import GivenUpError
from farm.image.unpacking import Stopped

_CHUNK_BYTES = 1 << 20
_SETTLED_NS = 2_000_000_000
_KEPT_S = 90 * 86400.0


class DigestCache:
    """The folder of digests that were counted before; made when the first one is kept."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def of_file(self, fd: int, path: str, stopped: Stopped) -> str:
        """sha256 of the file ``fd`` is; ``path`` is for messages. The offset is at the start afterwards."""
        about = os.fstat(fd)
        key = hashlib.sha256(identity(about).encode()).hexdigest()
        return self._known(key) or self._keep(key, about.st_ctime_ns, content(fd, path, stopped))

    def known(self, fd: int) -> str | None:
        """sha256 of the file ``fd`` is, if it was counted before."""
        return self._known(hashlib.sha256(identity(os.fstat(fd)).encode()).hexdigest())

    def of_tree(self, path: str, stopped: Stopped) -> tuple[str, str]:
        """Digest of a directory's names, modes, owners, links and contents; and a fingerprint, the ``identity`` of all."""
        prints, newest_ns = hashlib.sha256(), 0
        for name, about in walk(path):
            prints.update(f"{os.fsencode(name)!r} {identity(about)}\n".encode())
            newest_ns = max(newest_ns, about.st_ctime_ns)
        key = prints.hexdigest()
        return self._known(key) or self._keep(key, newest_ns, _tree_content(path, stopped)), key

    def prune(self, now_s: float) -> None:
        """Forget digests that nobody asked for in the last 90 days."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime < now_s - _KEPT_S:
                        os.unlink(entry.path)

    def _known(self, key: str) -> str | None:
        path = os.path.join(self._folder, key)
        try:
            with open(path, encoding="ascii") as file:
                digest = file.read()
            os.utime(path)
        except (OSError, ValueError):
            return None
        return digest if len(digest) == 64 else None

    def _keep(self, key: str, changed_ns: int, digest: str) -> str:
        if changed_ns > time.time_ns() - _SETTLED_NS:
            return digest
        path = os.path.join(self._folder, key)
        # The cache saves time and nothing else: where it cannot be written, the digest is counted again.
        with contextlib.suppress(OSError):
            os.makedirs(self._folder, 0o700, exist_ok=True)
            temporary = f"{path}.{os.getpid()}.{time.monotonic_ns()}"
            with open(temporary, "x", encoding="ascii") as file:
                file.write(digest)
            os.rename(temporary, path)
        return digest


def identity(about: os.stat_result) -> str:
    """What changes whenever the file does."""
    return f"{about.st_dev} {about.st_ino} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}"


def walk(top: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every path below ``top``, relative to it, in one order on every machine; mounts below it are passed over."""
    device = os.stat(top).st_dev
    stack = [("", os.stat(top))]
    while stack:
        relative, about = stack.pop()
        yield relative, about
        if not stat.S_ISDIR(about.st_mode):
            continue
        folder = os.path.join(top, relative)
        for name in sorted(os.listdir(folder), key=os.fsencode, reverse=True):
            below = os.lstat(os.path.join(folder, name))
            if below.st_dev == device:
                stack.append((os.path.join(relative, name), below))


def content(fd: int, path: str, stopped: Stopped) -> str:
    """sha256 of the file ``fd`` is, from its start, where its offset is afterwards. ``GivenUpError`` names ``path``."""
    total = hashlib.sha256()
    os.lseek(fd, 0, os.SEEK_SET)
    while data := os.read(fd, _CHUNK_BYTES):
        if stopped():
            raise GivenUpError(path)
        total.update(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return total.hexdigest()


def _tree_content(top: str, stopped: Stopped) -> str:
    total = hashlib.sha256()
    for relative, about in walk(top):
        path, line = os.path.join(top, relative), [os.fsencode(relative), about.st_mode, about.st_uid, about.st_gid]
        if stat.S_ISLNK(about.st_mode):
            line.append(os.fsencode(os.readlink(path)))
        elif stat.S_ISREG(about.st_mode):
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                line += [about.st_mtime_ns, content(fd, path, stopped)]
            finally:
                os.close(fd)
        total.update(repr(line).encode())
    return total.hexdigest()
