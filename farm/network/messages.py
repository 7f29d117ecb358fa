"""What the farm asks of rtnetlink(7), one function a request: links, ports of bridges, addresses, routes, neighbours."""

from __future__ import annotations

from functools import lru_cache
from socket import AF_BRIDGE, AF_INET
from typing import Any

from pyroute2.netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from pyroute2.netlink.rtnl import RTM_DELLINK, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWROUTE
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import NTF_MASTER, NUD_NOARP, NUD_PERMANENT, ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from farm.network.netlink import Request

_NEW = NLM_F_CREATE | NLM_F_EXCL
_UP = 1  # IFF_UP
_PORT = {
    "IFLA_BRPORT_ISOLATED": 1,
    "IFLA_BRPORT_LEARNING": 0,
    "IFLA_BRPORT_UNICAST_FLOOD": 0,
    "IFLA_BRPORT_MCAST_FLOOD": 0,
    "IFLA_BRPORT_BCAST_FLOOD": 0,
}
_remembered = lru_cache(maxsize=1024)  # pyroute2 takes a tenth of a millisecond to write a message
_MAIN_TABLE, _STATIC, _UNICAST = 254, 4, 1  # RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST


def add_bridge(name: str, index: int, mac: str) -> Request:
    """A bridge, up. Its ``mac`` is given, or it would take on the lowest of its ports', one after another."""
    message = ifinfmsg()
    message["index"], message["flags"], message["change"] = index, _UP, _UP
    message["attrs"] = [
        ("IFLA_IFNAME", name),
        ("IFLA_ADDRESS", mac),
        ("IFLA_LINKINFO", _kind("bridge", [("IFLA_BR_MCAST_SNOOPING", 0)])),
    ]
    return Request("RTM_NEWLINK", RTM_NEWLINK, _NEW, message, name)


def add_veth(
    name: str,
    peer: str,
    peer_namespace: int,
    mtu: int,
    *,
    index: int = 0,
    master: int = 0,
    peer_index: int = 0,
    peer_mac: str = "",
) -> Request:
    """A veth pair, one end here and up, the other in the namespace ``peer_namespace`` and down. EEXIST: a name is taken.

    The other end cannot be brought up with it (ENOTCONN): it has no peer yet when it is made.
    """
    attributes = [*_end(peer, mtu, peer_mac), ("IFLA_NET_NS_FD", peer_namespace)]
    there = {"index": peer_index, "attrs": attributes}
    message = ifinfmsg()
    message["index"], message["flags"], message["change"] = index, _UP, _UP
    message["attrs"] = [
        *_end(name, mtu),
        *([("IFLA_MASTER", master)] if master else []),
        ("IFLA_LINKINFO", _kind("veth", [("VETH_INFO_PEER", there)])),
    ]
    return Request("RTM_NEWLINK", RTM_NEWLINK, _NEW, message, name, peer)


def isolate_port(index: int) -> Request:
    """A port of a bridge that hears nothing of other such ports, learns nothing and is flooded with nothing."""
    message = ifinfmsg()
    message["index"] = index
    slave = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": list(_PORT.items())})]
    message["attrs"] = [("IFLA_LINKINFO", {"attrs": slave})]
    return Request("RTM_NEWLINK", RTM_NEWLINK, 0, message, index, "IFLA_BRPORT_ISOLATED")


@_remembered
def raise_link(index: int) -> Request:
    """Bring a link up."""
    message = ifinfmsg()
    message["index"], message["flags"], message["change"] = index, _UP, _UP
    return Request("RTM_NEWLINK", RTM_NEWLINK, 0, message, index, "IFF_UP")


def remove_link(name: str) -> Request:
    """Remove a link, and the other end of a pair; ENODEV where there is none."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", name)]
    return Request("RTM_DELLINK", RTM_DELLINK, 0, message, name)


@_remembered
def add_address(index: int, address: str, prefix: int) -> Request:
    """An IPv4 address for a link, and with it the route to its neighbours."""
    message = ifaddrmsg()
    message["family"], message["index"], message["prefixlen"] = AF_INET, index, prefix
    message["attrs"] = [("IFA_LOCAL", address), ("IFA_ADDRESS", address)]
    return Request("RTM_NEWADDR", RTM_NEWADDR, _NEW, message, f"{address}/{prefix}")


@_remembered
def add_default_route(gateway: str) -> Request:
    """The IPv4 route to everything else."""
    message = rtmsg()
    message["family"], message["table"], message["proto"], message["type"] = AF_INET, _MAIN_TABLE, _STATIC, _UNICAST
    message["attrs"] = [("RTA_GATEWAY", gateway)]
    return Request("RTM_NEWROUTE", RTM_NEWROUTE, _NEW, message, f"default via {gateway}")


def pin_mac(port: int, mac: str) -> Request:
    """Frames to ``mac`` leave the bridge by ``port``, whoever else claims to have it."""
    message = ndmsg()
    message["family"], message["ifindex"], message["state"], message["flags"] = AF_BRIDGE, port, NUD_NOARP, NTF_MASTER
    message["attrs"] = [("NDA_LLADDR", mac)]
    return Request("RTM_NEWNEIGH", RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, message, mac)


@_remembered
def pin_address(link: int, address: str, mac: str) -> Request:
    """``address`` on ``link`` is ``mac``, whoever else answers for it."""
    message = ndmsg()
    message["family"], message["ifindex"], message["state"] = AF_INET, link, NUD_PERMANENT
    message["attrs"] = [("NDA_DST", address), ("NDA_LLADDR", mac)]
    return Request("RTM_NEWNEIGH", RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, message, address, mac)


def _end(name: str, mtu: int, mac: str = "") -> list[tuple[str, Any]]:
    return [("IFLA_IFNAME", name), ("IFLA_MTU", mtu), *([("IFLA_ADDRESS", mac)] if mac else [])]


def _kind(kind: str, data: list[tuple[str, Any]]) -> dict[str, Any]:
    return {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": data})]}
