"""What of the host's system folders not everybody may read, found anew on each run and quickly.

A folder's ctime changes when a name in it comes, goes or is renamed, so what was seen in it is kept until then. It does not
change with the mode of a file in it: all is looked at again every ten minutes. In between, a file that everybody could
read until now stays visible if its mode is taken away; a new file is noticed at once, and so is a folder's mode.

::

    $FARM_HOME/digests/host-walk   {"at": when all was looked at, "folders": {path: [ctime_ns, [hidden], [folders]]}}
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from typing import TypeAlias

_RELOOK_S = 600.0
_SETTLED_NS = 2_000_000_000
_HEAD_BYTES = 1 << 16
_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|PuTTY-User-Key-File")
_MAYBE_KEY = re.compile(r".*\.(?:pem|key|crt|cer|ppk)|.*_key|id_[a-z0-9_]+")

Seen: TypeAlias = tuple[int, list[str], list[str]]


def hidden_below(tops: tuple[str, ...], cache: str) -> dict[str, tuple[str, ...]]:
    """For each folder of ``tops`` the paths below it, relative and sorted, that are kept from containers.

    ``cache`` is the file of what was seen before; it need not be there. Raises ``OSError``.
    """
    at, known = _load(cache)
    now = time.time()
    if not 0 <= now - at < _RELOOK_S:
        at, known = now, {}
    seen: dict[str, Seen] = {}
    found = {top: tuple(sorted(_walk(top, known, seen))) for top in tops}
    if seen != known:
        _save(cache, at, seen)
    return found


def unreadable(mode: int) -> bool:
    """Whether not everybody may read a file of ``mode``; a program that everybody may run counts as readable."""
    if stat.S_ISLNK(mode):
        return False
    if stat.S_ISDIR(mode):
        return mode & 0o005 != 0o005
    return not stat.S_ISREG(mode) or mode & 0o005 == 0


def holds_key(path: str) -> bool:
    """Whether the regular file at ``path`` begins with a private key. Raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _KEY.search(os.read(fd, _HEAD_BYTES)) is not None
    finally:
        os.close(fd)


def _walk(top: str, known: dict[str, Seen], seen: dict[str, Seen]) -> list[str]:
    hidden: list[str] = []
    settled_ns = time.time_ns() - _SETTLED_NS
    stack = [top]
    while stack:
        folder = stack.pop()
        try:
            about = os.lstat(folder)
        except FileNotFoundError:
            continue  # it went meanwhile
        if not stat.S_ISDIR(about.st_mode) or (folder != top and unreadable(about.st_mode)):
            hidden.append(os.path.relpath(folder, top))
            continue
        before = known.get(folder)
        if before is None or before[0] != about.st_ctime_ns:
            names, folders = _look(folder)
            # What changed a moment ago may change again without another ctime: it is not believed the next time.
            before = (about.st_ctime_ns if about.st_ctime_ns < settled_ns else 0, names, folders)
        seen[folder] = before
        at = "" if folder == top else os.path.relpath(folder, top) + "/"
        hidden += [at + name for name in before[1]]
        stack += [f"{folder}/{name}" for name in before[2]]
    return hidden


def _look(folder: str) -> tuple[list[str], list[str]]:
    """The names in ``folder`` that are hidden, and the folders in it."""
    hidden, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
                continue
            try:
                kept = unreadable(entry.stat(follow_symlinks=False).st_mode)
                if kept or (_MAYBE_KEY.fullmatch(entry.name) and holds_key(entry.path)):
                    hidden.append(entry.name)
            except FileNotFoundError:
                continue
    return hidden, folders


def _load(path: str) -> tuple[float, dict[str, Seen]]:
    try:
        with open(path, "rb") as file:
            given = json.loads(file.read())
        return float(given["at"]), {
            folder: (about[0], about[1], about[2]) for folder, about in given["folders"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return 0.0, {}


def _save(path: str, at: float, seen: dict[str, Seen]) -> None:
    # The cache saves time and nothing else: where it cannot be written, all is looked at again.
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        temporary = f"{path}.{os.getpid()}.{time.monotonic_ns()}"
        with open(temporary, "x", encoding="ascii") as file:
            json.dump({"at": at, "folders": seen}, file)
        os.rename(temporary, path)
