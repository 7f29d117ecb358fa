"""What a container with a network of its own is told of name servers, from what the host is told: pure."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

from farm.values import dataclass

_LINK_LOCAL = ip_network("169.254.0.0/16")
_LOOPBACK = ip_address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Resolver:
    """``servers`` are the host's name servers in order, ``rest`` the other lines of its resolv.conf."""

    servers: tuple[IPv4Address | IPv6Address, ...]
    rest: tuple[str, ...] = ()

    @property
    def networks(self) -> tuple[IPv4Network, ...]:
        """Where they are, as far as that is IPv4: nothing else may have these addresses."""
        return tuple(IPv4Network(each) for each in self.servers if isinstance(each, IPv4Address))

    def reached(self, own: Collection[IPv4Address]) -> bool:
        """Whether a container can ask all of them itself: not those of loopback, link or IPv6, nor the host's ``own``."""
        return all(
            isinstance(each, IPv4Address) and not each.is_loopback and each not in _LINK_LOCAL and each not in own
            for each in self.servers
        )

    def text(self, forwarder: IPv4Address | None = None) -> str:
        """What /etc/resolv.conf says in the container; ``forwarder`` is who asks in its place."""
        servers = (forwarder,) if forwarder is not None else self.servers
        return "".join(f"{line}\n" for line in (*(f"nameserver {each}" for each in servers), *self.rest))


def parse(text: str) -> Resolver:
    """What resolv.conf(5) of the host says. Without a server it is the one of loopback, as the C library has it."""
    servers: list[IPv4Address | IPv6Address] = []
    rest = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                servers.append(ip_address(words[1]))  # of IPv6 with the link it is on, as fe80::1%eth0
            except ValueError:
                continue
        elif words and words[0] in ("search", "domain", "options"):
            rest.append(" ".join(words))
    return Resolver(tuple(servers) or (_LOOPBACK,), tuple(rest))
