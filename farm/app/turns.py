"""Builds one after the other: each loads the network and the disk as much as many jobs do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from farm.model.build import Build
from farm.model.ports import Builder

_AT_ONCE = 2
_WATCHED_EVERY_S = 0.2


class Turns:
    """A builder of which no more than two builds go on at once, whoever asks for them.

    A context manager: its end waits for those that still go on, which whoever asked for them has told to give up. They could
    not clean up after themselves once the interpreter is ending: threads cannot start others then.
    """

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def __enter__(self) -> Turns:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(_AT_ONCE):
            self._turns.acquire()  # and nobody gets one any more

    def builder(self) -> InTurn:
        """One for one thread."""
        return InTurn(self._builder, self._turns)


class InTurn:
    """A ``Builder`` for one thread whose builds wait for one of ``turns``, watched meanwhile.

    ``took_s`` is what its last build took without the waiting, None where there was none.
    """

    def __init__(self, builder: Builder, turns: threading.Semaphore) -> None:
        self._builder = builder
        self._turns = turns
        self.took_s: float | None = None

    def build(self, build: Build, log_path: str, watch: Callable[[], None]) -> str:
        while not self._turns.acquire(timeout=_WATCHED_EVERY_S):
            watch()
        try:
            begun_s = time.monotonic()
            reason = self._builder.build(build, log_path, watch)
            self.took_s = time.monotonic() - begun_s
            return reason
        finally:
            self._turns.release()
