"""A generator that runs in a thread of its own, some of its pieces ahead of whoever reads them.

The two sides work in turns of many pieces, not of one. With a queue that wakes the other side for each piece, Linux puts both
threads on one processor as often as not (whoever is woken runs where its waker is), and the other one idles: decompressing and
writing then take their sum instead of the longer of the two. So pieces are handed over in batches, the first ones small, for a
reader that has nothing yet; and no more than ``_BATCHES`` of them wait.

The thread and the queues are those that ``threading`` and ``queue`` are made of: importing these would take half as long as all
of a small archive.
"""

from __future__ import annotations

from _queue import SimpleQueue
from _thread import start_new_thread

from farm.errors import ImageError

TYPE_CHECKING = False  # see ``packed``
if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCHES = 4
_LARGEST_BATCH = 8


class Ahead:
    """Pieces of ``pieces``, one a call, then empty ones for ever. What ``pieces`` raises of ``ImageError`` comes in its turn.

    A piece is never empty. Owns its thread, which ends with the pieces or with the process.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._ready: SimpleQueue[list[bytes]] = SimpleQueue()  # an empty one is the last
        self._room: SimpleQueue[None] = SimpleQueue()
        self._batch: list[bytes] = []  # the next one last
        self._failure: BaseException | None = None
        self._ended = False
        for _ in range(_BATCHES):
            self._room.put(None)
        start_new_thread(self._work, (pieces,))

    def __call__(self) -> bytes:
        if not self._batch and not self._ended:
            self._batch = self._ready.get()
            self._batch.reverse()
            self._ended = not self._batch
            self._room.put(None)
        if self._batch:
            return self._batch.pop()
        if self._failure is not None:
            raise self._failure
        return b""

    def _work(self, pieces: Iterator[bytes]) -> None:
        batch: list[bytes] = []
        size = 1
        try:
            for piece in pieces:
                batch.append(piece)
                if len(batch) == size:
                    self._hand_over(batch)
                    batch, size = [], min(2 * size, _LARGEST_BATCH)
        except (ImageError, MemoryError) as error:
            self._failure = error
        finally:
            if batch:
                self._hand_over(batch)
            self._ready.put([])

    def _hand_over(self, batch: list[bytes]) -> None:
        self._room.get()
        self._ready.put(batch)
