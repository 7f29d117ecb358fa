"""The farm's links in this network namespace: listing them, and removing what a dead run left.

A veth pair has one end here and one in another namespace; the kernel removes both as soon as either is removed, and that end
goes with its namespace. What can be left is an end here whose other one is here too, or a bridge.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from farm.errors import KernelError
from farm.values import dataclass

T = TypeVar("T")

PREFIX = "farm-"
"""What the name of every link of the farm begins with; the kernel keeps 15 bytes of a name."""

_MOST_TRIES = 50


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its ``index`` names it for as long as it is there, whatever it is called; ``up`` is its own flag.

    ``away`` says that its other end is in another namespace, which somebody holds.
    """

    index: int
    name: str
    up: bool
    away: bool = False


def list_links(prefix: str = PREFIX) -> tuple[Link, ...]:
    """The links of this network namespace whose name begins with ``prefix``, in the kernel's order."""
    return dumped(lambda route: _listed(route, prefix))


def dumped(ask: Callable[[IPRoute], T]) -> T:
    """What ``ask`` reads from the kernel, once more where somebody changed it meanwhile. Raises ``KernelError``."""
    for left in reversed(range(_MOST_TRIES)):
        try:
            with IPRoute() as route:
                return ask(route)
        except NetlinkDumpInterrupted as error:
            if not left:
                raise KernelError(
                    "NLM_F_DUMP", errno.EINTR, (), "links and routes of this host keep changing"
                ) from error
        except NetlinkError as error:
            raise KernelError("NLM_F_DUMP", error.code, ()) from error
    raise AssertionError


def remove_links(links: Iterable[Link]) -> tuple[Link, ...]:
    """Remove ``links`` and return those that were; one that is gone already, as with its peer, is passed over.

    A link that has taken over the index and not the name of one of ``links`` is left alone. Raises ``KernelError``
    (EPERM) without CAP_NET_ADMIN in the network namespace.
    """
    removed = []
    with IPRoute() as route:
        for link in links:
            if any(each.index == link.index for each in list_links(link.name)) and _remove(route, link):
                removed.append(link)
    return tuple(removed)


def _listed(route: IPRoute, prefix: str) -> tuple[Link, ...]:
    found = (_link(each) for each in route.get_links())
    return tuple(link for link in found if link.name.startswith(prefix))


def _link(message: Any) -> Link:
    away = message.get("link_netnsid") is not None
    return Link(message["index"], message.get("ifname"), message.get("state") == "up", away)


def _remove(route: IPRoute, link: Link) -> bool:
    try:
        route.link("del", index=link.index)
    except NetlinkError as error:
        if error.code in (errno.ENODEV, errno.ENOENT):
            return False
        raise KernelError("RTM_DELLINK", error.code, (link.name,), "needs CAP_NET_ADMIN") from error
    return True
