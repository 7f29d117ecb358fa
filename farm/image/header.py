"""One block of a tar archive that describes a member: v7, ustar, and what GNU tar makes of it.

The reader is the farm's own because Python's takes longer to be imported than a small image to be unpacked, and four times as
long over each header; and because an archive that nobody trusts is better read by a few strict lines: a number is octal or
base 256, a checksum is right, and whatever is not as it should be is an error. Formats: pax(1) of POSIX.1-2017, tar(5) of
FreeBSD, "Basic Tar Format" of GNU tar's manual.
"""

from __future__ import annotations

from struct import Struct
from zlib import adler32

TYPE_CHECKING = False  # see ``packed``
if TYPE_CHECKING:
    from typing import Final

BLOCK_BYTES: Final = 512
_FIELDS = Struct("100s8s8s8s12s12s8sc100s8s64x16x155s12x")
_POSIX = b"ustar\0"

FILE, FOLDER, SYMLINK, HARD_LINK, DEVICE, FIFO, UNKNOWN = (
    "file",
    "folder",
    "symlink",
    "link",
    "device",
    "fifo",
    "unknown",
)
_KINDS = {
    b"0": FILE, b"\0": FILE, b"7": FILE, b"S": FILE, b"5": FOLDER, b"2": SYMLINK, b"1": HARD_LINK, b"3": DEVICE, b"4": DEVICE,
    b"6": FIFO,
}  # fmt: skip
_KEPT_NUMBERS = 4096
_ADLER = (
    65521  # its lower half is 1 and the sum of all bytes, modulo this: in C, where sum() makes a number of each byte
)
_ABOVE = bytes(range(128, 256))
_WITHOUT_DATA = (FOLDER, SYMLINK, HARD_LINK, DEVICE, FIFO)


class DamagedError(Exception):
    """This is no header of a member, for the reason that the text gives."""


class Member:
    """A member of an archive.

    ``flag`` is its type as written, ``kind`` what that means. ``size`` is that of the file, holes included; ``data_bytes`` what
    stands for it in the archive. ``pieces`` are (offset, length) of the data of a sparse file, None for one without holes.
    ``attributes`` are extended ones by name. Names keep bytes that are no UTF-8 as ``os.fsdecode`` does.
    """

    __slots__ = (
        "attributes", "data_bytes", "flag", "gid", "kind", "link", "mode", "mtime_s", "name", "pieces", "size", "uid",
    )  # fmt: skip

    def __init__(
        self, flag: bytes, name: str, link: str, mode: int, uid: int, gid: int, size: int, mtime_s: float
    ) -> None:
        self.flag = flag
        self.name = name
        self.link = link
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.mtime_s = mtime_s
        kind = _KINDS.get(flag, UNKNOWN)
        if kind == FILE and flag == b"\0" and name.endswith("/"):
            kind = FOLDER  # before 1988 that was all that told them apart
        self.kind = kind
        self.attributes: dict[str, bytes] | None = None
        self.pieces: list[tuple[int, int]] | None = None
        self.size = self.data_bytes = 0 if kind in _WITHOUT_DATA else size

    def resize(self, size: int) -> None:
        """It holds ``size`` bytes, and the archive as many; none where it is of a kind without data."""
        self.size = self.data_bytes = 0 if self.kind in _WITHOUT_DATA else size


class Parser:
    """Reads the headers of one archive. It keeps what their fields mean: most of them have the same few."""

    def __init__(self) -> None:
        self._numbers = _Numbers(signed=False)
        self._times = _Numbers(signed=True)

    def parse(self, block: bytes) -> Member:
        """The member that ``block``, of ``BLOCK_BYTES``, describes. Raises ``DamagedError``."""
        name, mode, uid, gid, size, mtime, checksum, flag, link, magic, prefix = _FIELDS.unpack(block)
        numbers = self._numbers
        if (numbers[checksum] - 8 * 32 + sum(checksum) + 1) % _ADLER != adler32(block) & 0xFFFF:
            _check(block, checksum)
        name = name.partition(b"\0")[0]
        if prefix[0] and magic.startswith(_POSIX):
            name = prefix.partition(b"\0")[0] + b"/" + name
        return Member(
            flag,
            name.decode("utf-8", "surrogateescape"),
            link.partition(b"\0")[0].decode("utf-8", "surrogateescape") if link[0] else "",
            numbers[mode],
            numbers[uid],
            numbers[gid],
            numbers[size],
            self._times[mtime],
        )


class _Numbers(dict[bytes, int]):
    """Numbers by their fields, read when they are asked for; a bounded number of them is kept."""

    def __init__(self, *, signed: bool) -> None:
        super().__init__()
        self._signed = signed

    def __missing__(self, field: bytes) -> int:
        value = number(field, signed=self._signed)
        if len(self) < _KEPT_NUMBERS:
            self[field] = value
        return value


def _check(block: bytes, checksum: bytes) -> None:
    """The sum, which counts itself as spaces, exactly, and as those made it who counted with signed characters."""
    written, total = number(checksum), sum(block) - sum(checksum) + 8 * 32
    if written != total and written != total - 256 * (_above_127(block) - _above_127(checksum)):
        raise DamagedError("the checksum of a header is wrong")


def number(field: bytes, *, signed: bool = False) -> int:
    """An octal number with spaces or NULs around it, nothing for 0, or one of base 256. Raises ``DamagedError``."""
    digits = field[:-1]
    if digits.isdigit() and not field[-1]:  # as good as all of them
        return _octal(digits)
    if field[0] & 0x80:
        value = int.from_bytes(field, "big", signed=True) if field[0] & 0x40 else _base_256(field)
        if value < 0 and not signed:
            raise DamagedError(f"a number below zero: {value}")
        return value
    digits = field.partition(b"\0")[0].strip()
    if not digits:
        return 0
    if not digits.isdigit():
        raise DamagedError(f"{field!r} is not an octal number")
    return _octal(digits)


def _octal(digits: bytes) -> int:
    try:
        return int(digits, 8)
    except ValueError:
        raise DamagedError(f"{digits!r} is not an octal number") from None


def _above_127(data: bytes) -> int:
    """How many bytes were below zero to those who counted with signed characters."""
    return len(data) - len(data.translate(None, _ABOVE))


def _base_256(field: bytes) -> int:
    return int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
