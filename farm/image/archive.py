"""Members of a tar archive, read strictly: a header that cannot be read is an error and never the end of the archive.

So is an archive without a block of zeros to end it: an image is whole or it is not there.
"""

from __future__ import annotations

from farm.errors import ImageError
from farm.image.extended import Pax, long_name, map_in_data, old_map
from farm.image.header import BLOCK_BYTES, UNKNOWN, DamagedError, Member, Parser

TYPE_CHECKING = False  # see ``packed``
if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.image.stream import Stream

_END = bytes(BLOCK_BYTES)
_PAX, _GLOBAL, _LONG_NAME, _LONG_LINK, _SPARSE = (b"x", b"X"), b"g", b"L", b"K", b"S"


def members(stream: Stream, most_header_bytes: int) -> Iterator[Member]:
    """Members in the archive's order; before the next one is asked for, the data of one may be read from ``stream``.

    Raises ``ImageError`` for what is no archive, damaged or cut short. A header takes ``most_header_bytes``.
    """
    reader = _Reader(stream, most_header_bytes)
    while True:
        try:
            member = reader.next()
        except DamagedError as error:
            kind = "damaged" if stream.tell() > BLOCK_BYTES else "no tar archive"
            raise ImageError(f"the file is {kind}", f"at byte {stream.tell()}: {error}") from error
        if member is None:
            stream.drain()
            return
        yield member


class _Reader:
    """Goes from header to header; keeps none of them but the archive's own."""

    def __init__(self, stream: Stream, most_header_bytes: int) -> None:
        self._stream = stream
        self._most_header_bytes = most_header_bytes
        self._end = 0  # of the data of the member before
        self._global = Pax()
        self._parse = Parser().parse

    def next(self) -> Member | None:
        """The next member, or None at the end of the archive."""
        stream = self._stream
        left = self._end - stream.tell()
        if left < 0:
            raise DamagedError("a sparse file has more data in its map than in the archive")
        if left:
            stream.skip(left)
        pax: Pax | None = None
        name = link = ""
        while True:
            block = stream.read(BLOCK_BYTES)
            if len(block) < BLOCK_BYTES:
                raise ImageError("the archive is cut short", "it ends without an end mark")
            if block == _END:
                return None
            member = self._parse(block)
            if member.kind != UNKNOWN:
                break
            if member.flag in _PAX:
                pax = pax or Pax(self._global.values)
                pax.read(self._data_of(member))
            elif member.flag == _GLOBAL:
                self._global.read(self._data_of(member))
            elif member.flag == _LONG_NAME:
                name = long_name(self._data_of(member))
            elif member.flag == _LONG_LINK:
                link = long_name(self._data_of(member))
            else:
                break
        member.name, member.link = name or member.name, link or member.link
        self._complete(member, pax or self._global, block)
        return member

    def _complete(self, member: Member, pax: Pax, block: bytes) -> None:
        """What follows the header itself; leaves the stream where the member's data begins."""
        stream = self._stream
        if pax.values:
            pax.apply(member)
        if member.flag == _SPARSE:
            member.pieces, member.size = old_map(block, stream.read)
        self._end = stream.tell()
        if pax.map_is_in_data and member.pieces is not None:
            member.pieces = map_in_data(stream.read, min(self._most_header_bytes, member.data_bytes))
        if member.data_bytes:
            self._end += _filled(member.data_bytes)

    def _data_of(self, member: Member) -> bytes:
        """What a header of headers holds."""
        data = self._stream.read(_filled(member.data_bytes))
        if len(data) < member.data_bytes:
            raise ImageError("the archive is cut short", f"in the header of {len(data)} bytes before it ends")
        return data[: member.data_bytes]


def _filled(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
