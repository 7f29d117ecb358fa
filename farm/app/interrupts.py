"""What signals ask of a run: one SIGINT drains it, another one, SIGTERM or SIGHUP ends it at once.

They are remembered from the start, also while there is nobody to tell yet, and later ones cost no report. A signal that
was ignored when the farm started (``nohup``, a shell's background job) stays so.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

_Result = TypeVar("_Result")

_DRAIN, _KILL = 1, 2
_WEIGHTS = ((signal.SIGINT, _DRAIN), (signal.SIGTERM, _KILL), (signal.SIGHUP, _KILL))


class Stoppable(Protocol):
    """Who carries a signal out; ``Driver`` is such."""

    def interrupt(self) -> None: ...

    def kill(self) -> None: ...


class Interrupts:
    """Listens on the running event loop from its making on; ``note`` is told what a signal led to."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._weight = 0
        self._first = asyncio.Event()
        self._target: Stoppable | None = None
        loop = asyncio.get_running_loop()
        for number, weight in _WEIGHTS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._hear, weight)

    @property
    def stopped(self) -> bool:
        """A signal came before everything was over."""
        return self._weight > 0

    async def unless_stopped(self, work: Awaitable[_Result]) -> _Result | None:
        """The result of ``work``, or None as soon as a signal comes: ``work`` is cancelled then."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._first.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
            return None if self.stopped else task.result()
        finally:
            task.cancel()
            stop.cancel()

    @contextmanager
    def told_to(self, target: Stoppable) -> Iterator[None]:
        """Tell ``target`` meanwhile, first of all what came before; after it signals change nothing any more."""
        self._target = target
        self._tell()
        try:
            yield
        finally:
            self._target = None

    def _hear(self, weight: int) -> None:
        self._weight += weight
        self._first.set()
        self._tell()

    def _tell(self) -> None:
        if self._weight == 0 or self._target is None:
            return
        if self._weight == _DRAIN:
            self._note("interrupted: waiting for what runs; once more ends it")
            self._target.interrupt()
        else:
            self._note("ending what runs")
            self._target.kill()
