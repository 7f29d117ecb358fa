"""How much an archive may make of itself before it is taken for a bomb."""

from __future__ import annotations

from dataclasses import dataclass


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
