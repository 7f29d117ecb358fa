"""Network namespaces without a name: descriptors, gone with the last descriptor and the last process in them.

A thread is in a network namespace for itself, so making one, or working inside one, is done in a thread that nobody else uses
(setns(2), network_namespaces(7)); what it opens meanwhile stays in there. Nothing of pyroute2 is needed for this.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from farm.errors import KernelError
from farm.kernel import process

_OWN = "/proc/thread-self/ns/net"
_WITHOUT_IPV6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6"


def current() -> int:
    """A descriptor of the network namespace that the calling thread is in; the caller owns it."""
    try:
        return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError("open", error.errno or 0, (_OWN,)) from error


def fresh(*, ipv6: bool = True) -> int:
    """A descriptor of a new network namespace, its loopback down; the caller owns it. Needs CAP_SYS_ADMIN (EPERM).

    Without ``ipv6`` the links that will be made in it have no IPv6; its loopback has.
    """
    home = current()
    try:
        process.unshare(process.CLONE_NEWNET)
        try:
            if not ipv6:
                refuse_ipv6()
            return current()
        finally:
            process.setns(home, process.CLONE_NEWNET)
    finally:
        os.close(home)


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """The calling thread in ``namespace``, and back."""
    home = current()
    try:
        process.setns(namespace, process.CLONE_NEWNET)
        try:
            yield
        finally:
            process.setns(home, process.CLONE_NEWNET)
    finally:
        os.close(home)


def refuse_ipv6() -> None:
    """Let the links that will be made in the calling thread's network namespace have no IPv6."""
    try:
        with open(_WITHOUT_IPV6, "w", encoding="ascii") as file:
            file.write("1")
    except FileNotFoundError:
        pass  # a kernel without IPv6
