"""The host's side of isolated networks: what it reaches, what it forwards, what dead runs left in it.

A run needs three things of the host: an uplink (a veth pair, ``farm-N``), a table of nftables of the same name that translates
addresses, and forwarding. The uplink's other end is in a namespace that only the run holds, and the table belongs to a socket
of the run, so both go with it, however it ends. Forwarding does not. It is turned on for single interfaces, those that the
host's routes leave by, and only where it was off; for as long as that lasts, the table ``farm-guard`` sees to it that
nothing but the farm's is forwarded from there, and has a chain by the name of each such interface, to remember it. Whoever
finds no uplink of the farm any more turns them off again and removes the guard, and the rules that let the farm's packets
pass the chains of others (``ruleset``). A lock keeps two from doing so at once::

    /run/farm/network.lock     flock(LOCK_EX) while uplinks, guard and forwarding are looked at and changed
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network

from farm.errors import KernelError
from farm.network import filters, ruleset
from farm.network.links import PREFIX, dumped, list_links
from farm.network.netlink import NETFILTER, Netlink
from farm.values import dataclass

GUARD = f"{PREFIX}guard"
_LOCK = "/run/farm/network.lock"
_FORWARD = "forward"  # the base chain of the guard
_FORWARDING = "/proc/sys/net/ipv4/conf/{}/forwarding"
_UNICAST = 1  # RTN_UNICAST
_LEAST_MTU, _USUAL_MTU = 576, 1500


@dataclass(frozen=True, slots=True)
class Reach:
    """What this network namespace reaches by IPv4.

    ``networks`` are those that routes lead to, the default ones left out; ``addresses`` its own; ``ways_out`` the names of
    the links that routes leave by; ``mtu`` is the smallest of those that default routes leave by.
    """

    networks: tuple[IPv4Network, ...]
    addresses: tuple[IPv4Address, ...]
    ways_out: tuple[str, ...]
    mtu: int


@contextmanager
def locked() -> Iterator[None]:
    """Nobody else changes what farms have in common on this host."""
    os.makedirs(os.path.dirname(_LOCK), exist_ok=True)
    fd = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def look() -> Reach:
    """What the calling thread's network namespace reaches. Raises ``KernelError``."""
    links = {each["index"]: each for each in dumped(lambda route: tuple(route.get_links()))}
    addresses = dumped(lambda route: tuple(route.get_addr(family=2)))
    own = tuple(IPv4Address(each.get("local") or each.get("address")) for each in addresses)
    routes = [each for each in dumped(lambda route: tuple(route.get_routes(family=2))) if each["type"] == _UNICAST]
    networks, mtus = [], []
    out: dict[str, None] = {}
    for each in routes:
        through = [links[index] for index in _outgoing(each) if index in links]
        for link in through:
            out[link.get("ifname")] = None
        if each["dst_len"]:
            networks.append(IPv4Network((each.get("dst"), each["dst_len"])))
        else:
            mtus += [link.get("mtu") for link in through]
    networks += [IPv4Network(each) for each in own]
    ways_out = tuple(name for name in out if name != "lo" and not name.startswith(PREFIX))
    return Reach(tuple(networks), own, ways_out, max(_LEAST_MTU, min([_USUAL_MTU, *mtus])))


def forward(ways_out: Iterable[str]) -> None:
    """Let packets that come in by ``ways_out`` be forwarded to the farm; under ``locked``."""
    with Netlink(NETFILTER) as netfilter:
        ruleset.open_up(netfilter)
        off = [name for name in ways_out if _is_off(name)]
        if not off:
            return
        known = ruleset.chains(netfilter, GUARD)
        chain = filters.Chain(_FORWARD, "forward", priority=-1)
        asked = [] if known else list(filters.table_requests(GUARD, (chain,), owned=False))
        for name in off:
            if name not in known:
                asked.append(filters.plain_chain_request(GUARD, name))
                rule = (filters.came_by(name), filters.leaves_by(f"{PREFIX}*", other=True), filters.drop())
                asked.append(filters.rule_request(GUARD, chain.name, rule))
        if asked:
            netfilter.commit(asked)
    for name in off:
        switch(name, on=True)


@dataclass(frozen=True, slots=True)
class Left:
    """What of the farm nobody alive needs: ``tables``, ``forwarding`` of interfaces, rules in ``opened`` chains of others."""

    tables: tuple[str, ...] = ()
    forwarding: tuple[str, ...] = ()
    opened: tuple[ruleset.Place, ...] = ()

    def phrases(self) -> tuple[str, ...]:
        """For people."""
        return (
            *(f"packet filter table {name}" for name in self.tables),
            *(f"forwarding from {name}" for name in self.forwarding),
            *(f"rules in the packet filter chain {each.table} {each.chain}" for each in self.opened),
        )


def left() -> Left:
    """What ``sweep`` would remove at this moment. Raises ``KernelError``."""
    try:
        netfilter = Netlink(NETFILTER)
    except KernelError as error:
        if error.errno == errno.EPROTONOSUPPORT:
            return Left()  # a kernel without netfilter
        raise
    with netfilter:
        uplinks = {each.name for each in list_links() if each.away and _is_ours(each.name)}
        tables = tuple(each for each in ruleset.tables(netfilter) if _is_ours(each) and each not in uplinks)
        if uplinks:
            return Left(tables)
        return Left(tables, _guarded(netfilter), ruleset.opened(netfilter))


def sweep() -> Left:
    """Remove what nobody alive needs, and say what it was; under ``locked``. Raises ``KernelError``."""
    found = left()
    if found == Left():
        return found
    with Netlink(NETFILTER) as netfilter:
        for name in found.tables:
            _remove(netfilter, name)
        for name in found.forwarding:
            switch(name, on=False)
        if found.forwarding:
            _remove(netfilter, GUARD)
        if found.opened:
            ruleset.close_again(netfilter)
    return found


def _outgoing(route: dict[str, object]) -> list[int]:
    """The indices of the links that a route leaves by."""
    get = route.get  # of pyroute2's messages: an attribute by its name, None where there is none
    ways = get("multipath") or ()
    return [index for index in (get("oif"), *(way["oif"] for way in ways)) if index]  # type: ignore[attr-defined]


def _is_ours(name: str) -> bool:
    """The name is one that an uplink has, and a table on its behalf."""
    return name.startswith(PREFIX) and name.removeprefix(PREFIX).isdecimal()


def _guarded(netfilter: Netlink) -> tuple[str, ...]:
    """The interfaces whose forwarding the farm turned on."""
    return tuple(name for name in ruleset.chains(netfilter, GUARD) if name != _FORWARD)


def _remove(netfilter: Netlink, table: str) -> None:
    try:
        netfilter.commit([filters.remove_table(table)])
    except KernelError as error:
        if error.errno not in (errno.ENOENT, errno.EPERM):  # gone; or somebody who lives owns it
            raise


def _is_off(interface: str) -> bool:
    try:
        with open(_FORWARDING.format(interface), encoding="ascii") as file:
            return file.read().strip() == "0"
    except FileNotFoundError:
        return False


def switch(interface: str, *, on: bool) -> None:
    """Turn forwarding of what comes in by ``interface`` on or off."""
    path = _FORWARDING.format(interface)
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write("1" if on else "0")
    except FileNotFoundError:
        pass  # the interface has gone meanwhile
    except OSError as error:
        raise KernelError("write", error.errno or 0, (path,), "is /proc/sys read-only here?") from error


def index_of(name: str) -> int:
    """The index of the link ``name``."""
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise KernelError("SIOCGIFINDEX", error.errno or 0, (name,)) from error
