"""Unpacking real archives beside plain ``tar -xf`` of the same files, in turns, on the same disk.

The farm's side twice: ``unpack``, which does what tar does (every file, the end of the locked-in worker and what is left of its
start once the digest is there, as in an import), and all of ``resolve`` into an empty store (the archive's digest, unpacking,
facts, the list of every file with its sha256, syncfs(2), the commit). tar's side is ``tar -xf`` into an empty folder, both as
it ends and after a syncfs(2) like the farm's. The last row is an archive of nothing: what each side's start and end take of
the other rows.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import statistics
import subprocess
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from farm.app.host import id_map
from farm.image.digests import content
from farm.image.limits import UnpackLimits
from farm.image.resolve import resolve
from farm.image.store import Store
from farm.image.unpacking import started
from farm.kernel.files import syncfs
from farm.model.distro import Image, Source, SourceKind

_ARCHIVE = re.compile(r".*\.(?:tar(?:\.(?:gz|xz|bz2|zst))?|tgz|txz|tzst)")
HEADER = ("archive", "MiB out", "tar s", "tar, synced s", "unpack s", "import s", "unpack/tar", "import/tar, synced")
_NOTHING = "nothing.tar"
_Came = TypeVar("_Came")


@dataclass(slots=True)
class Archive:
    """Seconds of each round; ``out_bytes`` is what the archive's files hold."""

    name: str
    out_bytes: int = 0
    tar_s: list[float] = field(default_factory=list)
    tar_synced_s: list[float] = field(default_factory=list)
    unpack_s: list[float] = field(default_factory=list)
    import_s: list[float] = field(default_factory=list)


def archives(folder: str) -> list[str]:
    """Paths of the archives in ``folder``, by their names; none where there is no such folder."""
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if _ARCHIVE.fullmatch(name)]
    except OSError:
        return []


def measure(paths: list[str], scratch: str, rounds: int, told: Callable[[str], None]) -> list[Archive]:
    """Each archive all three ways in each of ``rounds``; who goes first changes from round to round."""
    paths = [*paths, _nothing(scratch)]
    found = [Archive(os.path.basename(path)) for path in paths]
    for number in range(rounds):
        told(f"unpacking, round {number + 1} of {rounds}")
        for path, archive in zip(paths, found, strict=True):
            turns = (_tar, _unpack, _import)
            for turn in turns if number % 2 == 0 else turns[::-1]:
                _in_empty_folder(scratch, turn, path, archive)
    return found


def row(archive: Archive) -> tuple[str, ...]:
    """The medians as a row under ``HEADER``."""
    measured = (archive.tar_s, archive.tar_synced_s, archive.unpack_s, archive.import_s)
    tar_s, synced_s, unpack_s, import_s = (statistics.median(each) for each in measured)
    seconds = (f"{each:.3f}" for each in (tar_s, synced_s, unpack_s, import_s))
    size = f"{archive.out_bytes / (1 << 20):.0f}"
    return archive.name, size, *seconds, f"{unpack_s / tar_s:.2f}", f"{import_s / synced_s:.2f}"


def _nothing(scratch: str) -> str:
    """The path of an archive without members."""
    path = os.path.join(scratch, _NOTHING)
    with tarfile.open(path, "w"):
        return path


def _in_empty_folder(scratch: str, turn: Callable[[str, str, Archive], None], path: str, archive: Archive) -> None:
    folder = os.path.join(scratch, "unpacked")
    os.mkdir(folder)
    # The archive in memory for both, and nothing of the turn before left to write.
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass
    os.sync()
    try:
        turn(path, folder, archive)
    finally:
        shutil.rmtree(folder)


def _tar(path: str, folder: str, archive: Archive) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _, tar_s = _timed(lambda: subprocess.run(["tar", "-xf", path, "-C", folder], check=True))
        _, sync_s = _timed(lambda: syncfs(fd))
    finally:
        os.close(fd)
    archive.tar_s.append(tar_s)
    archive.tar_synced_s.append(tar_s + sync_s)


def _unpack(path: str, folder: str, archive: Archive) -> None:
    with open(path, "rb") as file, started(file.fileno(), id_map(), UnpackLimits()) as worker:
        content(file.fileno(), path, lambda: False)
        _, unpack_s = _timed(lambda: worker.unpack(path, folder, lambda: False))
    archive.unpack_s.append(unpack_s)


def _import(path: str, folder: str, archive: Archive) -> None:
    if os.path.basename(path) == _NOTHING:
        archive.import_s.append(math.nan)  # that is no image
        return

    def imported() -> Image:
        return resolve(Source(SourceKind.TARBALL, path), Store(folder), id_map())

    image, import_s = _timed(imported)
    archive.out_bytes = image.size_bytes
    archive.import_s.append(import_s)


def _timed(action: Callable[[], _Came]) -> tuple[_Came, float]:
    started_s = time.monotonic()
    came = action()
    return came, time.monotonic() - started_s
