"""The bytes of an archive, decompressed as they are asked for, in a bounded amount of memory."""

from __future__ import annotations

import os

from farm.errors import ImageError
from farm.image.limits import TOO_LARGE

TYPE_CHECKING = False  # see ``packed``
if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.image.limits import UnpackLimits
    from farm.image.packed import Packed


class Stream:
    """A file that can only be read forwards: ``read`` for headers, ``copy`` for the bulk.

    ``packed`` stays the caller's. Anything that cannot be decompressed, is cut short or passes ``limits`` is
    an ``ImageError``.
    """

    def __init__(self, packed: Packed, limits: UnpackLimits) -> None:
        self._limits = limits
        self._chunk = memoryview(b"")
        self._at = 0
        self._start = 0  # how many bytes came before this chunk
        self._packed = packed
        self._next = packed.unpacked()

    def tell(self) -> int:
        return self._start + self._at

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes of headers, fewer only at the end of the archive."""
        if not 0 <= size <= self._limits.header_bytes:
            raise ImageError(
                "the archive is damaged or hostile",
                f"a header of {size} bytes at byte {self.tell()}, more than {self._limits.header_bytes}",
            )
        start, end = self._at, self._at + size
        if end <= len(self._chunk):
            self._at = end
            return bytes(self._chunk[start:end])
        return b"".join(self._pieces(size))

    def skip(self, size: int) -> None:
        """Pass over exactly ``size`` bytes."""
        if self._at + size <= len(self._chunk):
            self._at += size
            return
        self._missing(size - sum(len(piece) for piece in self._pieces(size)))

    def copy(self, fd: int, size: int) -> None:
        """Write exactly ``size`` bytes to ``fd`` at its offset."""
        for piece in self._pieces(size):
            size -= len(piece)
            while piece:
                piece = piece[os.write(fd, piece) :]
        self._missing(size)

    def drain(self) -> None:
        """Read to the end, so that the compression's checksum is seen."""
        for _ in self._pieces(self._limits.total_bytes + 1):
            pass

    def _missing(self, size: int) -> None:
        if size:
            raise ImageError("the archive is cut short", f"{size} bytes are missing after byte {self.tell()}")

    def _pieces(self, size: int) -> Iterator[memoryview]:
        while size > 0:
            if self._at == len(self._chunk) and not self._refill():
                return
            piece = self._chunk[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def _refill(self) -> bool:
        data = self._next()
        self._start += len(self._chunk)
        self._chunk, self._at = memoryview(data), 0
        self._check(self._start + len(data))
        return bool(data)

    def _check(self, out_bytes: int) -> None:
        if out_bytes > self._limits.total_bytes:
            raise ImageError(TOO_LARGE, f"it holds more than {self._limits.total_bytes} bytes")
        if out_bytes > self._limits.ratio_from_bytes and out_bytes > self._limits.ratio * self._packed.count:
            raise ImageError(
                "the archive is a decompression bomb",
                f"{self._packed.count} bytes have become {out_bytes}, more than {self._limits.ratio} for one",
            )
