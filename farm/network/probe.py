"""Whether this host can make a network namespace with a loopback that works, and isolated networks; for the doctor."""

from __future__ import annotations

import os

from pyroute2 import NetNS
from pyroute2.netlink.exceptions import NetlinkError

from farm.errors import FarmError, KernelError
from farm.network import host
from farm.network.fresh import fresh, inside
from farm.network.namespaces import DIRECTORY, network_namespace
from farm.network.router import Router


def loopback_failure(directory: str = DIRECTORY) -> str:
    """Why no loopback comes up in a network namespace of its own; empty where one does.

    Makes a scratch namespace and removes it.
    """
    try:
        with network_namespace(f"probe-{os.getpid()}", directory) as path:
            return _raise_loopback(path)
    except KernelError as error:
        return str(error)


def isolated_failure() -> str:
    """Why this host cannot have isolated networks; empty where it can.

    Makes all of one, with a scratch namespace in the host's place: what the host has is not touched.
    """
    try:
        scratch = fresh()
        try:
            with inside(scratch):
                router = Router(host.Reach((), (), (), 1500))
                try:
                    os.close(router.add_port(fresh(ipv6=False)).namespace)
                finally:
                    router.close()
        finally:
            os.close(scratch)
    except FarmError as error:
        return error.detail or error.brief
    except OSError as error:
        return str(error)
    return ""


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
