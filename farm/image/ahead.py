"""A generator that runs in a thread of its own, some of its pieces ahead of whoever reads them.

The two sides work in turns of many pieces, not of one. With a queue that wakes the other side for each piece, Linux puts both
threads on one processor as often as not (whoever is woken runs where its waker is), and the other one idles: decompressing and
writing then take their sum instead of the longer of the two. So the thread pauses when ``_MOST`` pieces wait, until half of
them are gone, and a reader that has run dry waits for ``_FEW`` of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from farm.errors import ImageError

_MOST = 32
_FEW = 8


class Ahead:
    """Pieces of ``pieces``, one a call, then empty ones for ever. What ``pieces`` raises of ``ImageError`` comes in its turn.

    A piece is never empty. Owns its thread, which ends with the pieces or with the process.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._ready: deque[bytes] = deque()
        self._failure: ImageError | MemoryError | None = None
        self._ended = self._paused = False
        self._dry = True
        lock = threading.Lock()
        self._more, self._room = threading.Condition(lock), threading.Condition(lock)
        threading.Thread(target=self._work, args=(pieces,), daemon=True).start()

    def __call__(self) -> bytes:
        with self._more:
            if not self._ready and not self._ended:
                self._dry = True
                while self._dry:
                    self._more.wait()
            if self._paused and len(self._ready) <= _MOST // 2:
                self._paused = False
                self._room.notify()
            if self._ready:
                return self._ready.popleft()
        if self._failure is not None:
            raise self._failure
        return b""

    def _work(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                self._put(piece)
        except (ImageError, MemoryError) as error:
            self._failure = error
        finally:
            with self._more:
                self._ended, self._dry = True, False
                self._more.notify()

    def _put(self, piece: bytes) -> None:
        with self._room:
            self._ready.append(piece)
            if self._dry and len(self._ready) >= _FEW:
                self._dry = False
                self._more.notify()
            self._paused = len(self._ready) >= _MOST
            while self._paused:
                self._room.wait()
