"""Whether this host can make a network namespace with a loopback that works; for the doctor."""

from __future__ import annotations

import os

from pyroute2 import NetNS
from pyroute2.netlink.exceptions import NetlinkError

from farm.errors import KernelError
from farm.network.namespaces import DIRECTORY, network_namespace


def loopback_failure(directory: str = DIRECTORY) -> str:
    """Why no loopback comes up in a network namespace of its own; empty where one does.

    Makes a scratch namespace and removes it.
    """
    try:
        with network_namespace(f"probe-{os.getpid()}", directory) as path:
            return _raise_loopback(path)
    except KernelError as error:
        return str(error)


def _raise_loopback(path: str) -> str:
    with NetNS(path) as namespace:
        try:
            (index,) = namespace.link_lookup(ifname="lo")
            namespace.link("set", index=index, state="up")
            (link,) = namespace.get_links(index)
        except NetlinkError as error:
            return f"RTM_NEWLINK(lo, up): {os.strerror(error.code)}"
        except ValueError:
            return "a new network namespace has no loopback"
    return "" if link.get("state") == "up" else "loopback was told to come up and did not"
