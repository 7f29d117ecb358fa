"""Members of a tar archive, read strictly: ``tarfile`` parses headers, nothing else of it is used.

``tarfile`` takes a header it cannot read for the end of the archive. Here that is an error, as is an archive without the
two zero blocks that end one: an image is whole or it is not there.
"""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Iterator
from typing import IO, cast

from farm.errors import ImageError
from farm.image.stream import Stream

# What a header made up by an enemy raises in the parser, apart from what it raises on purpose.
_BROKEN = (
    tarfile.HeaderError,
    tarfile.ReadError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    UnicodeError,
    ValueError,
    struct.error,
)


class _Reader(tarfile.TarFile):
    """One member after the other from a stream; keeps none of them."""

    def next(self) -> tarfile.TarInfo | None:
        position = self.fileobj.tell() if self.fileobj else 0
        if self.offset < position:
            raise ImageError("the archive is damaged", f"byte {position} refers back to byte {self.offset}")
        assert self.fileobj is not None
        self.fileobj.seek(self.offset)
        try:
            member = tarfile.TarInfo.fromtarfile(self)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # as old as the others, but not in typeshed
            return None
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise ImageError("the archive is cut short", "it ends without an end mark") from error
        if member.size < 0 or self.offset < self.fileobj.tell():
            raise ImageError("the archive is damaged", f"member {member.name!r} has a size of {member.size}")
        return member


def members(stream: Stream) -> Iterator[tarfile.TarInfo]:
    """Members in the archive's order; before the next one is asked for, the data of one may be read from ``stream``."""
    reader = None
    while True:
        try:
            if reader is None:
                # The constructor reads the first member.
                reader = _Reader(
                    fileobj=cast(IO[bytes], stream), mode="r", encoding="utf-8", errors="surrogateescape", errorlevel=2
                )
                member = reader.firstmember  # type: ignore[attr-defined]  # not in typeshed
            else:
                member = reader.next()
        except _BROKEN as error:
            kind = "damaged" if stream.tell() > tarfile.BLOCKSIZE else "no tar archive"
            raise ImageError(
                f"the file is {kind}", f"at byte {stream.tell()}: {error or type(error).__name__}"
            ) from error
        if member is None:
            stream.drain()
            return
        yield member
