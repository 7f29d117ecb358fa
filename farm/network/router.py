"""The network of one run: a router of its own between its isolated containers and the host.

::

    container                       router                                host
    eth0 10.213.0.2 --- p7 ]- b0 10.213.0.1 ... up 10.213.255.254 --- farm-0 10.213.255.253 ... eth0
    eth0 10.213.0.3 --- p8 ]                        (masquerade)                (masquerade)

The router is a network namespace without a process in it. Everything of the run's network is in there, but for the uplink's
other end and one table on the host, and nobody but this process holds it: when that ends, by SIGKILL too, the kernel removes
bridges, ports and uplink along with it, and the table with the socket that owns it.

Containers share a bridge and do not hear each other: its ports are isolated from one another and learn nothing, whose MAC and
whose address is where is written down when a container comes, and the router forwards nothing from bridge to bridge. From
outside come answers only. Of the host itself a container reaches nothing, its addresses on other links included, but what it
asks of name servers where the host has those on itself (``forwarder``).

IPv4 only: links inside have no IPv6, so that programs that try it first are told at once.
"""

from __future__ import annotations

import errno
import os
from ipaddress import IPv4Address, IPv4Network

from farm.errors import FarmError, KernelError
from farm.network import host, messages, ruleset
from farm.network.addresses import PORTS_A_BRIDGE, Range, Slots, free_ranges
from farm.network.filters import table_requests
from farm.network.fresh import current, fresh, inside
from farm.network.links import PREFIX
from farm.network.netlink import NETFILTER, ROUTE, Netlink
from farm.network.tables import UPLINK, host_chains, router_chains
from farm.values import dataclass

_UPLINK, _FIRST_BRIDGE, _FIRST_PORT, _ETH0 = 2, 10, 1000, 1000  # indices of links, each in a namespace of ours
_TABLE = "farm"
_REMEDY = "farm doctor says what this host lacks; network: none and host do without it"


@dataclass(frozen=True, slots=True)
class Port:
    """One container's network: ``namespace`` is a descriptor that whoever has the port closes, ``gateway`` the router."""

    slot: int
    namespace: int
    address: IPv4Address
    gateway: IPv4Address


class Router:
    """Made, used and closed by one thread, which must be in the host's network namespace. ``forwards_dns``: see ``forwarder``.

    ``namespace`` is a descriptor of the router's own network namespace, ``range`` the addresses of the run.
    """

    def __init__(self, reach: host.Reach, avoided: tuple[IPv4Network, ...] = (), *, forwards_dns: bool = False) -> None:
        """Raises ``FarmError`` where this host cannot have it, with nothing left behind."""
        self._mtu = reach.mtu
        self._slots = Slots()
        self._bridges = 0
        self._ports = 0
        self._home = current()
        self.namespace = -1
        self._route: Netlink | None = None
        self._host_table: Netlink | None = None
        self._name = ""
        try:
            self.namespace = fresh(ipv6=False)
            with inside(self.namespace):
                self._route = Netlink(ROUTE)
                _forward()
                with Netlink(NETFILTER) as netfilter:
                    netfilter.commit(table_requests(_TABLE, router_chains(forwards_dns=forwards_dns), owned=False))
            with host.locked():
                host.sweep()
                self.range = self._connect(reach, avoided)
                self._translate()
                host.forward(reach.ways_out)
        except OSError as error:
            self.close()
            raise FarmError("this host cannot have isolated networks", str(error), _hint(error)) from error
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """Of the uplink and of the table on the host."""
        return self._name

    def add_port(self, namespace: int) -> Port:
        """Connect ``namespace``, a new one, which is the port's from then on: closed here where that fails.

        Raises ``FarmError`` where all addresses are lent, ``KernelError`` where the kernel refuses.
        """
        slot = self._slots.take()
        try:
            if slot < 0:
                raise FarmError(
                    "the run's network is full", f"{self.range.network} has no address left", "a smaller -j"
                )
            return self._connected(slot, namespace)
        except BaseException:
            os.close(namespace)
            if slot >= 0:
                self._slots.give_back(slot)
            raise

    def remove_port(self, port: Port) -> None:
        """Its container is gone: its address may be another's. The link goes by itself, with the container's namespace."""
        self._slots.give_back(port.slot)

    def close(self) -> None:
        """Remove everything; may be called twice."""
        table, self._host_table = self._host_table, None
        if table is not None:
            table.close()
        if self._name:
            with host.locked():
                self._disconnect()
                host.sweep()
            self._name = ""
        if self._route is not None:
            self._route.close()
            self._route = None
        for fd in (self.namespace, self._home):
            if fd >= 0:
                os.close(fd)
        self.namespace = self._home = -1

    def _connect(self, reach: host.Reach, avoided: tuple[IPv4Network, ...]) -> Range:
        """The uplink, under the first name that no other run has: with the name comes the range."""
        assert self._route is not None
        with Netlink(NETFILTER) as netfilter:
            # What is left of these after the sweep is of somebody who lives, though an uplink of that name may be gone.
            tables = ruleset.tables(netfilter)
        for found in free_ranges((*reach.networks, *avoided)):
            name = f"{PREFIX}{found.number}"
            if name in tables:
                continue
            veth = messages.add_veth(UPLINK, name, self._home, self._mtu, index=_UPLINK)
            try:
                self._route.ask([veth])
            except KernelError as error:
                if error.errno == errno.EEXIST:
                    continue
                raise
            self._name = name
            prefix = found.uplink.prefixlen
            self._route.ask([messages.add_address(_UPLINK, str(found.router), prefix)])
            with Netlink(ROUTE) as route:
                index = host.index_of(name)
                route.ask([messages.add_address(index, str(found.host), prefix), messages.raise_link(index)])
            host.switch(name, on=True)
            self._route.ask([messages.add_default_route(str(found.host))])
            return found
        raise FarmError(
            "no address range is left for isolated networks",
            "every one that could be is reached by a route of this host, or another run's",
            "fewer runs at once, or network: none",
        )

    def _translate(self) -> None:
        """The table on the host: owned by a socket that is kept open, where the kernel knows owners (Linux 5.12)."""
        chains = host_chains(self._name, self.range)
        table = Netlink(NETFILTER)
        try:
            try:
                table.commit(table_requests(self._name, chains, owned=True))
            except KernelError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
                table.commit(table_requests(self._name, chains, owned=False))
        except BaseException:
            table.close()
            raise
        self._host_table = table

    def _disconnect(self) -> None:
        with Netlink(ROUTE) as route:
            try:
                route.ask([messages.remove_link(self._name)])
            except KernelError as error:
                if error.errno != errno.ENODEV:
                    raise

    def _connected(self, slot: int, namespace: int) -> Port:
        assert self._route is not None, "closed"
        bridge = slot // PORTS_A_BRIDGE
        while bridge >= self._bridges:
            self._add_bridge()
        address, gateway = self.range.container(slot), self.range.bridge(bridge)
        self._ports += 1
        index, mac = _FIRST_PORT + self._ports, _mac(slot)
        veth = messages.add_veth(
            f"p{self._ports}",
            "eth0",
            namespace,
            self._mtu,
            index=index,
            master=_FIRST_BRIDGE + bridge,
            peer_index=_ETH0,
            peer_mac=mac,
        )
        self._route.ask(
            [
                veth,
                messages.isolate_port(index),
                messages.pin_mac(index, mac),
                messages.pin_address(_FIRST_BRIDGE + bridge, str(address), mac),
            ]
        )
        with inside(namespace), Netlink(ROUTE) as route:
            route.ask(
                [
                    messages.raise_link(_ETH0),
                    messages.add_address(_ETH0, str(address), 24),
                    messages.add_default_route(str(gateway)),
                ]
            )
        return Port(slot, namespace, address, gateway)

    def _add_bridge(self) -> None:
        assert self._route is not None
        number = self._bridges
        index = _FIRST_BRIDGE + number
        self._route.ask(
            [
                messages.add_bridge(f"b{number}", index, f"02:66:61:ff:00:{number:02x}"),
                messages.add_address(index, str(self.range.bridge(number)), 24),
            ]
        )
        self._bridges += 1


def _forward() -> None:
    """Let the namespace that the calling thread is in forward between its links; it checks where packets come from."""
    for name, value in (("conf/default/rp_filter", "1"), ("conf/all/rp_filter", "1"), ("ip_forward", "1")):
        path = f"/proc/sys/net/ipv4/{name}"
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write(value)
        except OSError as error:
            raise KernelError("write", error.errno or 0, (path,), "is /proc/sys read-only here?") from error


def _mac(number: int) -> str:
    return "02:66:" + number.to_bytes(4, "big").hex(":")


def _hint(error: OSError) -> str:
    call = error.call if isinstance(error, KernelError) else ""
    if call.startswith("NFT") or call in ("nftables", "socket"):
        return "boot a kernel with nftables, or modprobe nf_tables nft_masq nft_ct nft_reject_ipv4; " + _REMEDY
    if call.startswith("RTM"):
        return "boot a kernel with veth and bridge, or modprobe them; " + _REMEDY
    return error.hint if isinstance(error, KernelError) and error.hint else _REMEDY
