"""Builds one after the other: each loads the network and the disk as much as many jobs do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from farm.model.build import Build
from farm.model.ports import Builder

_WATCHED_EVERY_S = 0.2


class InTurn:
    """A ``Builder`` for one thread whose builds wait for one of ``turns``, watched meanwhile.

    ``took_s`` is what its last build took without the waiting, None where there was none.
    """

    def __init__(
        self, builder: Builder, turns: threading.Semaphore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._builder = builder
        self._turns = turns
        self._clock = clock
        self.took_s: float | None = None

    def build(self, build: Build, log_path: str, watch: Callable[[], None]) -> str:
        while not self._turns.acquire(timeout=_WATCHED_EVERY_S):
            watch()
        try:
            begun_s = self._clock()
            reason = self._builder.build(build, log_path, watch)
            self.took_s = self._clock() - begun_s
            return reason
        finally:
            self._turns.release()
