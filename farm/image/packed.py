"""An archive's file as it lies there: compressed or not, and what decompresses it.

The compression is found from the first bytes, never from a name. Only the library that it takes is imported, and before the
worker locks itself in: afterwards there is nothing to import from, and the others would cost every import their start.
"""

from __future__ import annotations

import os

from farm.errors import ImageError
from farm.image.ahead import Ahead

TYPE_CHECKING = False  # typing's own would import typing, which an import of a small archive would wait for
if TYPE_CHECKING:
    import zlib
    from collections.abc import Callable, Iterator
    from typing import IO, Protocol

    import zstandard

    class _Decompressor(Protocol):
        """What zlib, bz2 and lzma have in common once ``_zlib`` is in between."""

        @property
        def eof(self) -> bool: ...

        @property
        def needs_input(self) -> bool: ...

        @property
        def unused_data(self) -> bytes: ...

        def decompress(self, data: bytes, max_length: int) -> bytes: ...


CHUNK_BYTES = 256 << 10
_LZMA_MEMORY_BYTES = 512 << 20
_ZSTD_WINDOW_BYTES = 128 << 20
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


def compression(head: bytes) -> str:
    """``gzip``, ``bzip2``, ``xz``, ``zstd``, or empty for none that is known."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return ""


class Packed:
    """The bytes of a borrowed descriptor; ``count`` is how many it has given, ``compression`` what they are packed with."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.count = 0
        self._head = self.read()
        self.compression = compression(self._head)
        self._damaged: tuple[type[Exception], ...] = (OSError, EOFError, ValueError)
        self._decompressed = self._found(self.compression)

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Some of the packed bytes, at most ``size`` of them; empty at the end."""
        data = os.read(self._fd, min(size, CHUNK_BYTES) if size > 0 else CHUNK_BYTES)
        self.count += len(data)
        return data

    def unpacked(self) -> Callable[[], bytes]:
        """What gives the unpacked bytes, once: pieces of at most ``CHUNK_BYTES``, then empty ones; raises ``ImageError``.

        They are decompressed ahead of its caller, in a thread: the libraries let go of the interpreter meanwhile.
        """
        chunks = self._chunks()
        return Ahead(chunks) if self.compression else lambda: next(chunks, b"")

    def _chunks(self) -> Iterator[bytes]:
        head, self._head = self._head, b""
        try:
            yield from self._decompressed(head)
        except self._damaged as error:
            raise ImageError("the archive is damaged", f"{self.compression or 'reading'}: {error}") from error

    # The imports stand where they are needed for what the module says.

    def _found(self, kind: str) -> Callable[[bytes], Iterator[bytes]]:
        if kind == "gzip":
            import zlib

            self._damaged += (zlib.error,)
            return self._members_of(lambda: _Zlib(zlib.decompressobj(wbits=31)))
        if kind == "bzip2":
            import bz2

            return self._members_of(bz2.BZ2Decompressor)
        if kind == "xz":
            import lzma

            self._damaged += (lzma.LZMAError,)
            return self._members_of(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY_BYTES))
        if kind == "zstd":
            import zstandard

            self._damaged += (zstandard.ZstdError,)

            def joined(head: bytes) -> IO[bytes]:
                return _Joined(head, self)  # type: ignore[return-value]  # it is read from, and nothing else

            inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
            return lambda head: _zstd(inner.stream_reader(joined(head), read_across_frames=True))
        return self._plain

    def _plain(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield data
            data = self.read()

    def _members_of(self, decompressor: Callable[[], _Decompressor]) -> Callable[[bytes], Iterator[bytes]]:
        """gzip, bzip2 and xz: any number of compressed streams one after the other, then zeros at most."""

        def members(data: bytes) -> Iterator[bytes]:
            while data:
                inner = decompressor()
                while not inner.eof:
                    out = inner.decompress(data, CHUNK_BYTES)
                    data = b""
                    if out:
                        yield out
                    if inner.needs_input and not inner.eof:
                        data = self.read()
                        if not data:
                            raise EOFError("the file is cut short")
                data = inner.unused_data or self.read()
                while data and not data.strip(b"\0"):
                    data = self.read()
                data = data.lstrip(b"\0")

        return members


class _Zlib:
    """zlib's decompressor with the manners of the other two: it keeps the input that it has not come to yet."""

    def __init__(self, inner: zlib._Decompress) -> None:
        self._inner = inner

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


class _Joined:
    """What zstandard reads from: the bytes already taken, then the rest."""

    def __init__(self, head: bytes, rest: Packed) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        if self._head:
            taken = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(taken) :]
            return taken
        return self._rest.read(size)


def _zstd(reader: zstandard.ZstdDecompressionReader) -> Iterator[bytes]:
    with reader:
        while data := reader.read(CHUNK_BYTES):
            yield data
