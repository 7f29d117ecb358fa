"""flock(2) that can be given up, and that is of the right file: what is locked may have been replaced meanwhile."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable

from farm.errors import GivenUpError
from farm.image.unpacking import Stopped

_LOOK_S = 0.05


def flock(
    fd: int, operation: int, stopped: Stopped = lambda: False, needless: Callable[[], bool] = lambda: False
) -> bool:
    """Whether ``fd`` is locked: False with LOCK_NB, and without it as soon as it is ``needless``.

    Waits until ``stopped``, which is ``GivenUpError``; flock(2) could be told neither.
    """
    while True:
        try:
            fcntl.flock(fd, operation | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if operation & fcntl.LOCK_NB or needless():
                return False
        if stopped():
            raise GivenUpError("another process makes or removes the image")
        time.sleep(_LOOK_S)


def is_at(fd: int, path: str) -> bool:
    """``path`` still names the file that ``fd`` is."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
