"""What builds printed that failed, for people to read for a while.

::

    $FARM_HOME/failed/<key>.log    of a build that failed less than a week ago
"""

from __future__ import annotations

import contextlib
import os

_KEPT_S = 7 * 86400.0


def keep(folder: str, path: str, key: str) -> str:
    """Move the log ``path`` of the build ``key`` into ``folder``, and say where it is from now on. Raises ``OSError``."""
    os.makedirs(folder, 0o700, exist_ok=True)
    kept = os.path.join(folder, f"{key}.log")
    os.replace(path, kept)
    return kept


def forget(folder: str, now_s: float) -> None:
    """Delete the logs in ``folder`` that are old."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < now_s - _KEPT_S:
                    os.unlink(entry.path)
