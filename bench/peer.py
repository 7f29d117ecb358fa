"""A tool that one could use in place of the farm: the commands that run one container, start one that stays, and end it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench import processes
from bench.corner import Corner
from bench.spawn import Spawner
from farm.errors import FarmError

ASLEEP = ("/bin/sleep", "86413")  # a number that no other sleep has
TRUE = ("/bin/true",)
MEMORY_BYTES, PIDS = 64 << 20, 256  # quotas of every container whose tool has any


@dataclass(frozen=True, slots=True)
class Place:
    """Where tools work: ``rootfs`` is the unpacked root filesystem, ``tarball`` what it came from."""

    corner: Corner
    tarball: str
    rootfs: str


@dataclass(slots=True)
class Peer:
    """``life`` runs /bin/true in a container, ``begin`` leaves one with ``ASLEEP``; ``{}`` is the container's name.

    ``end`` takes names of those and ends them. Where it is empty, ``begin`` stays in the foreground, and its end is theirs.
    """

    name: str
    version: str
    spawner: Spawner
    life: tuple[str, ...]
    begin: tuple[str, ...]
    end: tuple[str, ...] = ()
    _made: int = field(default=0)

    def alone(self, count: int) -> list[float]:
        """Seconds of each of ``count`` lives, one after another."""
        return [self.spawner.once(self.life, name) for name in self._names(count)]

    def many(self, count: int, parallel: int) -> float:
        """Seconds of ``count`` lives, ``parallel`` at a time."""
        return self.spawner.many(self.life, self._names(count), parallel)

    @contextlib.contextmanager
    def alive(self, count: int, parallel: int, patience_s: float) -> Iterator[None]:
        """``count`` containers that sleep, all of them while the block runs. Raises ``FarmError`` where they cannot be."""
        names = self._names(count)
        deadline_s = time.monotonic() + patience_s
        if self.end:
            try:
                self.spawner.many(self.begin, names, parallel)
                yield
            except BaseException:
                with contextlib.suppress(FarmError):  # of those that never were
                    self._end(names, parallel)
                raise
            self._end(names, parallel)
            return
        pids: list[int] = []
        try:
            pids += (self.spawner.background(self.begin, name) for name in names)
            processes.until(count, ASLEEP, deadline_s)
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGTERM)  # of systemd-nspawn SIGKILL would leave the container
            for pid in pids:
                os.waitpid(pid, 0)
            processes.until(0, ASLEEP, time.monotonic() + patience_s)

    def _end(self, names: list[str], parallel: int) -> None:
        self.spawner.many(self.end, names, parallel, at_once=-(-len(names) // parallel))

    def _names(self, count: int) -> list[str]:
        self._made += count
        return [f"{self.name}-{number}" for number in range(self._made - count, self._made)]
