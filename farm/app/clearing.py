"""``farm gc --keep --keep-runs``: folders of runs that are old enough to go. The history keeps what it knows of them."""

from __future__ import annotations

import calendar
import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator

from farm.app.folder import JOURNAL, held, is_live
from farm.errors import FarmError
from farm.values import dataclass

_ID = re.compile(r"([0-9]{8}T[0-9]{6})Z-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Keep:
    """What stays: runs that began no longer ago than ``age_s``, and the newest ``runs``; None is none for that reason."""

    age_s: float | None = None
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class Old:
    """A run's folder; ``began_at`` is seconds since the epoch, ``taken_bytes`` what its files take."""

    path: str
    began_at: float
    taken_bytes: int


def old_runs(reports: str, keep: Keep, now_s: float) -> tuple[Old, ...]:
    """The folders of runs in ``reports`` that nothing keeps, oldest first. Raises ``OSError``.

    Neither a run that goes on, nor what ``latest`` leads to, nor anything that is not called and filled as a run's folder is.
    """
    latest = os.path.realpath(os.path.join(reports, "latest"))
    found = []
    for number, (began_at, path) in enumerate(sorted(_runs(reports), reverse=True)):
        young = keep.age_s is not None and now_s - began_at <= keep.age_s
        if young or (keep.runs is not None and number < keep.runs) or os.path.realpath(path) == latest:
            continue
        if not is_live(path):
            found.append(Old(path, began_at, _taken_bytes(path)))
    return tuple(reversed(found))


def remove(run_dir: str) -> bool:
    """Remove the folder of a run; False where it goes on after all. Raises ``OSError``.

    Its journal goes last: whoever is killed in between leaves what is a run's folder still, for the next to remove.
    """
    try:
        with held(run_dir):
            for entry in os.scandir(run_dir):
                if entry.name.startswith(JOURNAL):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
            for name in sorted(os.listdir(run_dir), reverse=True):
                os.unlink(os.path.join(run_dir, name))
            os.rmdir(run_dir)
    except FarmError:
        return False
    return True


def _runs(reports: str) -> Iterator[tuple[float, str]]:
    if not os.path.isdir(reports):
        return
    for entry in os.scandir(reports):
        known = _ID.fullmatch(entry.name)
        if known and entry.is_dir(follow_symlinks=False) and os.path.isfile(os.path.join(entry.path, JOURNAL)):
            with contextlib.suppress(ValueError):  # no time at all, so nothing that a run is called
                yield calendar.timegm(time.strptime(known[1], "%Y%m%dT%H%M%S")), entry.path


def _taken_bytes(path: str) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return total
