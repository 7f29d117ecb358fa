"""What an archive says of a member besides its header: pax records, long names, where the data of a sparse file belongs."""

from __future__ import annotations

from farm.image.header import BLOCK_BYTES, DamagedError, number

TYPE_CHECKING = False  # see ``packed``
if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.image.header import Member

XATTR = "SCHILY.xattr."
_MOST_DIGITS = 20
_OLD_MAP_AT, _OLD_MORE_AT, _OLD_SIZE_AT = 386, 482, 483
_NEXT_MORE_AT = 504


class Pax:
    """Records of pax headers: the values by their keywords, the last of a keyword, and the map of a sparse file."""

    __slots__ = ("pieces", "values")

    def __init__(self, above: dict[str, bytes] | None = None) -> None:
        self.values = dict(above or ())
        self.pieces: list[tuple[int, int]] = []

    def read(self, data: bytes) -> None:
        """Take in ``<length> <keyword>=<value>`` and a newline, again and again. Raises ``DamagedError``."""
        at, offset = 0, -1
        while at < len(data) and data[at]:
            length, space, _ = data[at : at + _MOST_DIGITS].partition(b" ")
            end = at + decimal(length)
            keyword, equals, value = data[at + len(length) + 1 : end].partition(b"=")
            if not space or not equals or not keyword or end > len(data) or not value.endswith(b"\n"):
                raise DamagedError(f"a record of an extended header is malformed at its byte {at}")
            at = end
            name, value = keyword.decode("utf-8", "surrogateescape"), value[:-1]
            # The oldest of GNU tar's ways writes the map as pairs of records with equal keywords.
            if name == "GNU.sparse.offset":
                offset = decimal(value)
            elif name == "GNU.sparse.numbytes":
                self.pieces.append((offset, decimal(value)))
            else:
                self.values[name] = value

    def apply(self, member: Member) -> None:
        """Make ``member`` what the records say; an empty value takes back what an earlier header said."""
        for name, value in self.values.items():
            if name.startswith(XATTR):
                member.attributes = member.attributes or {}
                member.attributes[name.removeprefix(XATTR)] = value
            elif value:
                setter = _FIELDS.get(name)
                if setter is not None:
                    setter(member, value)
        self._apply_sparse(member)

    def _apply_sparse(self, member: Member) -> None:
        name = self.values.get("GNU.sparse.name")
        if name:
            member.name = _text(name)
        size = self.values.get("GNU.sparse.realsize") or self.values.get("GNU.sparse.size")
        if size is None:
            return
        member.size = decimal(size)
        given = self.values.get("GNU.sparse.map")
        if given is not None:
            numbers = [decimal(each) for each in given.split(b",")] if given else []
            member.pieces = pairs(numbers)
        else:
            member.pieces = self.pieces

    @property
    def map_is_in_data(self) -> bool:
        """Whether the map of the sparse file stands before its data."""
        return self.values.get("GNU.sparse.major") == b"1" and self.values.get("GNU.sparse.minor") == b"0"


def long_name(data: bytes) -> str:
    """A name as GNU tar keeps those too long for a header."""
    return _text(data.partition(b"\0")[0])


def old_map(block: bytes, read: Callable[[int], bytes]) -> tuple[list[tuple[int, int]], int]:
    """The map of a sparse file of GNU tar's old kind, and its size; it goes on in blocks that ``read`` gives."""
    size = number(block[_OLD_SIZE_AT : _OLD_SIZE_AT + 12])
    pieces = _entries(block, _OLD_MAP_AT, 4)
    more = block[_OLD_MORE_AT]
    while more:
        block = read(BLOCK_BYTES)
        if len(block) < BLOCK_BYTES:
            raise DamagedError("the map of a sparse file is cut short")
        pieces += _entries(block, 0, 21)
        more = block[_NEXT_MORE_AT]
    return pieces, size


def map_in_data(read: Callable[[int], bytes], most_bytes: int) -> list[tuple[int, int]]:
    """The map that stands before the data of a sparse file: decimals on lines of their own.

    The first says how many pairs follow; the last block is filled up. At most ``most_bytes``.
    """
    numbers: list[int] = []
    wanted, taken, rest = 1, 0, b""
    while len(numbers) < wanted:
        block = read(BLOCK_BYTES)
        taken += BLOCK_BYTES
        if len(block) < BLOCK_BYTES or taken > most_bytes:
            raise DamagedError("the map of a sparse file is cut short")
        *lines, rest = (rest + block).split(b"\n")
        numbers += [decimal(each) for each in lines[: wanted - len(numbers)]]
        if wanted == 1 and numbers:
            wanted += 2 * numbers[0]
            numbers += [decimal(each) for each in lines[1:wanted]]
    return pairs(numbers[1:])


def pairs(numbers: list[int]) -> list[tuple[int, int]]:
    """Offsets and lengths in turns, as pairs. Raises ``DamagedError`` for an odd one."""
    if len(numbers) % 2:
        raise DamagedError("the map of a sparse file has an offset without a length")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def decimal(text: bytes) -> int:
    """A number that is not below zero. Raises ``DamagedError``."""
    if not text.isdigit() or len(text) > _MOST_DIGITS:
        raise DamagedError(f"{text[:_MOST_DIGITS]!r} is not a number")
    return int(text)


def _entries(block: bytes, start: int, most: int) -> list[tuple[int, int]]:
    found = []
    for at in range(start, start + 24 * most, 24):
        if not block[at]:
            break
        found.append((number(block[at : at + 12]), number(block[at + 12 : at + 24])))
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _set_name(member: Member, value: bytes) -> None:
    member.name = _text(value)


def _set_link(member: Member, value: bytes) -> None:
    member.link = _text(value)


def _set_size(member: Member, value: bytes) -> None:
    member.resize(decimal(value))


def _set_uid(member: Member, value: bytes) -> None:
    member.uid = decimal(value)


def _set_gid(member: Member, value: bytes) -> None:
    member.gid = decimal(value)


def _set_time(member: Member, value: bytes) -> None:
    try:
        member.mtime_s = float(value)
    except ValueError:
        raise DamagedError(f"{value[:_MOST_DIGITS]!r} is no time") from None


_FIELDS: dict[str, Callable[[Member, bytes], None]] = {
    "path": _set_name, "linkpath": _set_link, "size": _set_size, "uid": _set_uid, "gid": _set_gid, "mtime": _set_time,
}  # fmt: skip
