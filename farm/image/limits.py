"""How much an archive may make of itself before it is taken for a bomb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farm.errors import UsageError
from farm.units import parse_bytes

MEMBERS_VARIABLE = "FARM_IMAGE_MEMBERS"
SIZE_VARIABLE = "FARM_IMAGE_SIZE"
TOO_LARGE = "the archive is too large"
"""The brief of whatever these limits stop."""
UNPACKING_FAILED = "unpacking failed"
"""The brief of what the host could not do: the archive may be sound."""


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """Where unpacking stops.

    ``members`` counts entries of the archive. ``total_bytes`` bounds what comes out of the decompressor, and the sizes of all
    files together with the holes of sparse ones. ``ratio`` is bytes out for one byte in, and counts only once
    ``ratio_from_bytes`` have come out. ``header_bytes`` bounds one header (long names, extended attributes).
    ``memory_bytes`` is the unpacker's address space, ``timeout_s`` its time on a monotonic clock.
    """

    members: int = 1_000_000
    total_bytes: int = 32 << 30
    ratio: int = 200
    ratio_from_bytes: int = 1 << 30
    header_bytes: int = 1 << 20
    memory_bytes: int = 2 << 30
    timeout_s: float = 3600.0


def from_environment(environ: Mapping[str, str]) -> UnpackLimits:
    """The limits with what ``environ`` sets of them. ``UsageError`` for a value that is none."""
    given = UnpackLimits()
    try:
        members = int(environ.get(MEMBERS_VARIABLE) or given.members)
        if members <= 0:
            raise ValueError(f"not a number of files: {members}")
        size = environ.get(SIZE_VARIABLE)
        return UnpackLimits(members=members, total_bytes=parse_bytes(size) if size else given.total_bytes)
    except ValueError as error:
        raise UsageError(
            f"{MEMBERS_VARIABLE} or {SIZE_VARIABLE} is wrong", str(error), "write a number of files, a size such as 64G"
        ) from error
