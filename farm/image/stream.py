"""The bytes of an archive, decompressed as they are asked for, in a bounded amount of memory.

The compression is found from the first bytes, never from a name. Decompression runs in a thread of its own (the libraries
let go of the interpreter meanwhile), some chunks ahead of the reader.
"""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Protocol, cast

import zstandard

from farm.errors import ImageError
from farm.image.ahead import Ahead
from farm.image.limits import TOO_LARGE, UnpackLimits

_CHUNK_BYTES = 256 << 10
_LZMA_MEMORY_BYTES = 512 << 20
_ZSTD_WINDOW_BYTES = 128 << 20
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_DAMAGED = (zlib.error, lzma.LZMAError, OSError, EOFError, zstandard.ZstdError, ValueError)


class _Decompressor(Protocol):
    """What zlib, bz2 and lzma have in common once ``_Zlib`` is in between."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """zlib's decompressor with the manners of the other two: it keeps the input that it has not come to yet."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def compression(head: bytes) -> str:
    """``gzip``, ``bzip2``, ``xz``, ``zstd``, or empty for none that is known."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


class Source:
    """The compressed bytes: a borrowed descriptor, and how many bytes it has given."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.count = 0

    def read(self, size: int = _CHUNK_BYTES) -> bytes:
        data = os.read(self._fd, min(size, _CHUNK_BYTES) if size > 0 else _CHUNK_BYTES)
        self.count += len(data)
        return data


class Stream:
    """A file that can only be read forwards; what ``tarfile`` needs of one, and ``copy`` for the bulk.

    Owns its thread; the descriptor stays the caller's. Anything that cannot be decompressed, is cut short or passes
    ``limits`` is an ``ImageError``.
    """

    def __init__(self, fd: int, limits: UnpackLimits) -> None:
        self._limits = limits
        self._chunk = memoryview(b"")
        self._at = 0
        self._position = 0
        self._source = Source(fd)
        head = self._source.read()
        self.compression = compression(head)
        chunks = _chunks(self._source, head, self.compression)
        self._next: Callable[[], bytes] = Ahead(chunks) if self.compression else lambda: next(chunks, b"")

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        """Move forward. An archive that sends its reader backwards is an attack (CVE-2025-8194) or damaged."""
        if position < self._position:
            raise ImageError("the archive is damaged", f"byte {self._position} refers back to byte {position}")
        self.skip(position - self._position)

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes of headers, fewer only at the end of the archive."""
        if not 0 <= size <= self._limits.header_bytes:
            raise ImageError(
                "the archive is damaged or hostile",
                f"a header of {size} bytes at byte {self._position}, more than {self._limits.header_bytes}",
            )
        start, end = self._at, self._at + size
        if end <= len(self._chunk):
            self._at = end
            self._position += size
            return bytes(self._chunk[start:end])
        return b"".join(bytes(piece) for piece in self._pieces(size))

    def skip(self, size: int) -> None:
        """Pass over exactly ``size`` bytes."""
        self._all(size, lambda _: None)

    def copy(self, fd: int, size: int) -> None:
        """Write exactly ``size`` bytes to ``fd`` at its offset."""

        def write(piece: memoryview) -> None:
            while piece:
                piece = piece[os.write(fd, piece) :]

        self._all(size, write)

    def drain(self) -> None:
        """Read to the end, so that the compression's checksum is seen."""
        for _ in self._pieces(self._limits.total_bytes + 1):
            pass

    def _all(self, size: int, use: Callable[[memoryview], None]) -> None:
        left = size
        for piece in self._pieces(size):
            use(piece)
            left -= len(piece)
        if left:
            raise ImageError("the archive is cut short", f"{left} bytes are missing after byte {self._position}")

    def _pieces(self, size: int) -> Iterator[memoryview]:
        while size > 0:
            if self._at == len(self._chunk) and not self._refill():
                return
            piece = self._chunk[self._at : self._at + size]
            self._at += len(piece)
            self._position += len(piece)
            size -= len(piece)
            yield piece

    def _refill(self) -> bool:
        data = self._next()
        self._chunk, self._at = memoryview(data), 0
        self._check(self._position + len(data))
        return bool(data)

    def _check(self, out_bytes: int) -> None:
        if out_bytes > self._limits.total_bytes:
            raise ImageError(TOO_LARGE, f"it holds more than {self._limits.total_bytes} bytes")
        if out_bytes > self._limits.ratio_from_bytes and out_bytes > self._limits.ratio * self._source.count:
            raise ImageError(
                "the archive is a decompression bomb",
                f"{self._source.count} bytes have become {out_bytes}, more than {self._limits.ratio} for one",
            )


def _chunks(source: Source, head: bytes, kind: str) -> Iterator[bytes]:
    """The decompressed bytes in pieces of at most ``_CHUNK_BYTES``; ``ImageError`` where that cannot be."""
    try:
        if kind == "zstd":
            yield from _zstd(source, head)
        elif kind:
            yield from _members(source, head, kind)
        else:
            while head:
                yield head
                head = source.read()
    except _DAMAGED as error:
        raise ImageError("the archive is damaged", f"{kind or 'reading'}: {error}") from error


def _members(source: Source, data: bytes, kind: str) -> Iterator[bytes]:
    """gzip, bzip2 and xz: any number of compressed streams one after the other, then zeros at most."""
    while data:
        inner = _decompressor(kind)
        while not inner.eof:
            out = inner.decompress(data, _CHUNK_BYTES)
            data = b""
            if out:
                yield out
            if inner.needs_input and not inner.eof:
                data = source.read()
                if not data:
                    raise EOFError("the file is cut short")
        data = inner.unused_data or source.read()
        while data and not data.strip(b"\0"):
            data = source.read()
        data = data.lstrip(b"\0")


def _decompressor(kind: str) -> _Decompressor:
    if kind == "gzip":
        return _Zlib()
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY_BYTES)


class _Joined:
    """What zstandard reads from: the bytes already taken, then the rest."""

    def __init__(self, head: bytes, source: Source) -> None:
        self._head = head
        self._source = source

    def read(self, size: int = -1) -> bytes:
        if self._head:
            taken = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(taken) :]
            return taken
        return self._source.read(size)


def _zstd(source: Source, head: bytes) -> Iterator[bytes]:
    inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    with inner.stream_reader(cast(IO[bytes], _Joined(head, source)), read_across_frames=True) as reader:
        while data := reader.read(_CHUNK_BYTES):
            yield data
