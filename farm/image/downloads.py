"""Files that are being fetched.

::

    $FARM_HOME/downloads/<key>   what has come so far; <key> is the sha256 of the address, or the digest of a registry's blob.
                                 Whoever fetches it holds flock(2) on it; deleted once it is an image, and when it is stale
                                 <key>.tag is the entity tag that a server gave it
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from farm.image.locks import flock, is_at
from farm.image.unpacking import Stopped

TAG = ".tag"
_STALE_S = 7 * 86400.0


@contextlib.contextmanager
def locked(path: str, stopped: Stopped) -> Iterator[int]:
    """A descriptor of the file ``path``, made if need be, and the only one that is locked."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            flock(fd, fcntl.LOCK_EX, stopped)
            if is_at(fd, path):
                yield fd
                return
        finally:
            os.close(fd)


def delete(path: str) -> None:
    """Forget what has come of a file."""
    for each in (path, path + TAG):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(each)


def sweep(folder: str, now_s: float, *, dry_run: bool = False) -> int:
    """Delete what nobody has fetched any more of for a week, and say how many files that were, or would be."""
    swept = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(TAG) or entry.stat().st_mtime > now_s - _STALE_S:
                continue
            fd = os.open(entry.path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    swept += 1
                    if not dry_run:
                        delete(entry.path)
            finally:
                os.close(fd)
    return swept
