"""Builds: commands that make images, watched while they run, with what they printed kept where they fail."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TypeAlias

from farm.errors import DiskError, GivenUpError, ImageError
from farm.image import failed, trees
from farm.image.limits import SIZE_VARIABLE
from farm.image.progress import Said
from farm.image.store import Staging, Store
from farm.image.unpacking import Stopped
from farm.model.build import Build
from farm.model.ports import Builder
from farm.units import format_bytes

LOG = "log"
"""In the image's own folder: what was printed when it was built."""

Advice: TypeAlias = Callable[[list[str]], str]
"""The remedy for a command that failed, by the last lines of what it printed."""

_SAID_EVERY_S = 1.0
_SPARE_BYTES = 256 << 20
_SPARE_FILES = 4096
_TAIL_BYTES = 4096
_QUOTED_LINES = 5
_TELLING_LINES = 20


class BuildError(ImageError):
    """The command of a build failed; ``log_path`` is what it printed, all of it, for the caller to show.

    As text it has the last lines of that.
    """

    def __init__(self, brief: str, detail: str, remedy: str, log_path: str) -> None:
        super().__init__(brief, detail, remedy)
        self.log_path = log_path

    def __str__(self) -> str:
        last = "".join(f"\n  {line}" for line in _last_lines(self.log_path, _QUOTED_LINES))
        return f"{super().__str__()}\nlog: {self.log_path}{last}"


def carry_out(
    build: Build, key: str, staging: Staging, store: Store, builder: Builder, said: Said, advice: Advice
) -> None:
    """Run ``build``, whose files are in ``staging``.

    ``key``, 64 hex digits, names the log where it fails. Raises ``BuildError`` with ``advice`` for a command that failed,
    ``DiskError`` where the disk gets full, ``GivenUpError``.
    """
    log_path = os.path.join(staging.path, LOG)
    watch = _Watch(build, log_path, store.home, staging.stopped, said)
    reason = builder.build(build, log_path, watch)
    if reason:
        kept = failed.keep(store.failed_dir, log_path, key)
        raise BuildError(f"the {build.name} failed", reason, advice(_last_lines(kept, _TELLING_LINES)), kept)


def weighed(build: Build, folder: str, key: str, staging: Staging, store: Store, most_bytes: int) -> int:
    """What the files in ``folder`` hold that ``build`` left there, holes included. ``BuildError`` past ``most_bytes``.

    All of it is read for the list of the image's files, after the build and its timeout: a hole costs no disk, but as much
    time as data.
    """
    size_bytes = trees.bytes_of(folder)
    if size_bytes > most_bytes:
        kept = failed.keep(store.failed_dir, os.path.join(staging.path, LOG), key)
        raise BuildError(
            f"the {build.name} wrote too much",
            f"its files hold {format_bytes(size_bytes)}, holes included, more than {format_bytes(most_bytes)}",
            f"remove what is not needed, or set {SIZE_VARIABLE}",
            kept,
        )
    return size_bytes


def layers(scratch_fd: int, count: int, upper: str) -> tuple[str, ...]:
    """The names of the writable layers of ``count`` overlays that a build left in the folder ``scratch_fd``.

    Only they are left there; what the container's set-up wrote into the first one is taken out of it again.
    """
    kept = tuple(f"{upper}{number or ''}" for number in range(count))
    for name in os.listdir(scratch_fd):
        if name not in kept:
            trees.remove(scratch_fd, name)
    first = os.open(kept[0], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=scratch_fd)
    try:
        for name in ("dev", "proc", "sys"):
            with contextlib.suppress(OSError):  # it has something in it, or the command took it away
                os.rmdir(name, dir_fd=first)
        _without(first, "etc", ("hosts", "hostname", "resolv.conf"))
    finally:
        os.close(first)
    return kept


def _without(parent: int, folder: str, names: tuple[str, ...]) -> None:
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError:
        return  # the command made something else of it
    try:
        for name in names:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=fd)
    finally:
        os.close(fd)


class _Watch:
    """What is looked at while a build runs."""

    def __init__(self, build: Build, log_path: str, home: str, stopped: Stopped, said: Said) -> None:
        self._build = build
        self._log_path = log_path
        self._home = home
        self._stopped = stopped
        self._said = said
        self._next_s = 0.0

    def __call__(self) -> None:
        if self._stopped():
            raise GivenUpError(self._build.name)
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _SAID_EVERY_S
        self._look_at_disk()
        for line in _last_lines(self._log_path, 1):
            self._said(self._build.name, line)

    def _look_at_disk(self) -> None:
        """A build may write as much as there is room for; the last of that is left to the host."""
        there = os.statvfs(self._home)
        if there.f_bavail * there.f_frsize < _SPARE_BYTES or (there.f_files and there.f_favail < _SPARE_FILES):
            raise DiskError(
                f"the disk is nearly full, so the {self._build.name} was ended",
                f"{there.f_bavail * there.f_frsize >> 20} MiB and {there.f_favail} files are left in {self._home}",
                "free some space, or put FARM_HOME elsewhere",
            )


def _last_lines(path: str, count: int) -> list[str]:
    """The last lines of the log at ``path`` with something printable in them; control characters are left out."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    lines = (
        "".join(each for each in line if each.isprintable()).strip() for line in text.replace("\r", "\n").split("\n")
    )
    return [line for line in lines if line][-count:]
