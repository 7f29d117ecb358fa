"""How much an archive may make of itself before it is taken for a bomb."""

from __future__ import annotations

MEMBERS_VARIABLE = "FARM_IMAGE_MEMBERS"
SIZE_VARIABLE = "FARM_IMAGE_SIZE"
TOO_LARGE = "the archive is too large"
"""The brief of whatever these limits stop."""
UNPACKING_FAILED = "unpacking failed"
"""The brief of what the host could not do: the archive may be sound."""
UNPACKED, FAILED = "unpacked", "failed"
"""How the worker's last words begin; NULs divide what follows. ``unpacked``: members, bytes, how it was confined, each kind
that was dropped and how often. ``failed``: brief and detail of an error."""


class UnpackLimits:
    """Where unpacking stops.

    ``members`` counts entries of the archive. ``total_bytes`` bounds what comes out of the decompressor, and the sizes of all
    files together with the holes of sparse ones. ``ratio`` is bytes out for one byte in, and counts only once
    ``ratio_from_bytes`` have come out. ``header_bytes`` bounds one header (long names, extended attributes).
    ``memory_bytes`` is the unpacker's address space, ``timeout_s`` its time on a monotonic clock.

    Not a dataclass, for the worker imports this: see ``packed``.
    """

    __slots__ = ("header_bytes", "members", "memory_bytes", "ratio", "ratio_from_bytes", "timeout_s", "total_bytes")

    def __init__(
        self,
        members: int = 1_000_000,
        total_bytes: int = 32 << 30,
        ratio: int = 200,
        ratio_from_bytes: int = 1 << 30,
        header_bytes: int = 1 << 20,
        memory_bytes: int = 2 << 30,
        timeout_s: float = 3600.0,
    ) -> None:
        self.members = members
        self.total_bytes = total_bytes
        self.ratio = ratio
        self.ratio_from_bytes = ratio_from_bytes
        self.header_bytes = header_bytes
        self.memory_bytes = memory_bytes
        self.timeout_s = timeout_s

    def numbers(self) -> tuple[int, ...]:
        """What the worker holds to, in the order in which they are given; its time is looked at by whoever waits for it."""
        return (
            self.members, self.total_bytes, self.ratio, self.ratio_from_bytes, self.header_bytes, self.memory_bytes,
        )  # fmt: skip

    def less(self, members: int, total_bytes: int) -> UnpackLimits:
        """What is left of them after so much of an image."""
        members, total_bytes = max(0, self.members - members), max(0, self.total_bytes - total_bytes)
        return UnpackLimits(
            members,
            total_bytes,
            self.ratio,
            self.ratio_from_bytes,
            self.header_bytes,
            self.memory_bytes,
            self.timeout_s,
        )
