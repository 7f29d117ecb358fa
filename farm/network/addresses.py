"""Which addresses the network of a run has: pure.

Of a /16 that collides with nothing this host reaches by a route of its own, a run uses as little as it needs::

    A.B.255.253/30    the host's end of the uplink      A.B.255.254/30    the router's end
    A.B.n.1/24        the router on bridge n            A.B.n.2 ...       its containers

Only the first line is seen on the host: what comes from the bridges leaves the router under its own address.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from farm.values import dataclass

PORTS_A_BRIDGE = 250
"""The kernel gives a bridge 1,024 ports at most, and a /24 has 253 for containers."""

_BRIDGES = 255
# The less usual ends of RFC 1918 first, then the shared space of RFC 6598.
_RANGES = (
    *(f"10.{second}.0.0/16" for second in range(213, 255)),
    *(f"172.{second}.0.0/16" for second in range(31, 19, -1)),
    *(f"100.{second}.0.0/16" for second in range(127, 63, -1)),
)


@dataclass(frozen=True, slots=True)
class Range:
    """A /16 for one run; ``number`` names it on this host, so that no other run takes it."""

    number: int
    network: IPv4Network

    @property
    def uplink(self) -> IPv4Network:
        """The network between host and router."""
        return IPv4Network((int(self.network.broadcast_address) - 3, 30))

    @property
    def host(self) -> IPv4Address:
        """The host's address there."""
        return self.uplink[1]

    @property
    def router(self) -> IPv4Address:
        """The router's address there."""
        return self.uplink[2]

    def bridge(self, number: int) -> IPv4Address:
        """The router's address on a bridge, a /24."""
        return self.network[(number << 8) + 1]

    def container(self, slot: int) -> IPv4Address:
        """The address of the container in a slot; it is on bridge ``slot // PORTS_A_BRIDGE``."""
        bridge, port = divmod(slot, PORTS_A_BRIDGE)
        return self.network[(bridge << 8) + 2 + port]


def free_ranges(taken: Iterable[IPv4Network]) -> Iterator[Range]:
    """The ranges that overlap none of ``taken``, in the order in which to try them."""
    known = tuple(taken)
    for number, text in enumerate(_RANGES):
        network = IPv4Network(text)
        if not any(network.overlaps(each) for each in known):
            yield Range(number, network)


class Slots:
    """Numbers from 0, each lent to one container at a time; what was given back longest ago is lent first."""

    __slots__ = ("_free", "_next")

    def __init__(self) -> None:
        self._free: deque[int] = deque()
        self._next = 0

    def take(self) -> int:
        """A number that nobody has; -1 where all of a range are lent."""
        # One that was used a moment ago may still have packets on their way to it.
        if self._free and (len(self._free) > PORTS_A_BRIDGE // 2 or self._next % PORTS_A_BRIDGE == 0):
            return self._free.popleft()
        if self._next == _BRIDGES * PORTS_A_BRIDGE:
            return self._free.popleft() if self._free else -1
        self._next += 1
        return self._next - 1

    def give_back(self, slot: int) -> None:
        """``slot`` may be lent again."""
        self._free.append(slot)
