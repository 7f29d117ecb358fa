"""Netlink requests in batches: pyroute2 writes the messages, and one system call sends many of them.

pyroute2's own sockets wait for the answer to each request, on an event loop of their own, and each call costs a millisecond;
a container's link takes six. What the kernel keeps by socket (a table of nftables that goes with its owner) also needs a socket
of ours. Every message asks for an acknowledgement, so an error is always that of one message.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

from pyroute2.netlink import NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR
from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES, nfgen_msg

from farm.errors import KernelError

ROUTE, NETFILTER = 0, 12  # linux/netlink.h
_SOL_NETLINK, _NETLINK_CAP_ACK = 270, 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11  # linux/netfilter/nfnetlink.h
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_ERROR = struct.Struct("=i")
_ROOM_BYTES = 1 << 17


class Request:
    """One message: ``call`` and ``arguments`` say in errors what it was to do."""

    __slots__ = ("arguments", "call", "message")

    def __init__(self, call: str, kind: int, flags: int, message: Any, *arguments: object) -> None:
        self.call = call
        self.arguments = arguments
        message["header"]["type"] = kind
        message["header"]["flags"] = flags | NLM_F_REQUEST | NLM_F_ACK
        self.message = message


class Netlink:
    """A netlink socket in the network namespace that the calling thread is in when it is made. Close it, or use ``with``."""

    __slots__ = ("_sequence", "_socket")

    def __init__(self, protocol: int) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        except OSError as error:
            raise KernelError("socket", error.errno or 0, ("AF_NETLINK", protocol)) from error
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """May be called twice. Tables that this socket owns go."""
        self._socket.close()

    def ask(self, requests: Sequence[Request]) -> None:
        """Send ``requests`` and wait until the kernel has done them all, in order.

        Raises ``KernelError`` for the first that failed; the others were tried nevertheless.
        """
        first = self._sequence + 1
        data = bytearray()
        for each in requests:
            data += self._encoded(each.message)
        self._send(data)
        self._acknowledged({first + at: each for at, each in enumerate(requests)})

    def commit(self, requests: Sequence[Request]) -> None:
        """``ask`` for nftables: all of ``requests`` or none."""
        data = self._encoded(_mark(_BATCH_BEGIN))
        waited = {}
        for each in requests:
            data += self._encoded(each.message)
            waited[self._sequence] = each
        data += self._encoded(_mark(_BATCH_END))
        self._send(data)
        self._acknowledged(waited)

    def _encoded(self, message: Any) -> bytearray:
        self._sequence += 1
        message["header"]["sequence_number"] = self._sequence
        message.encode()
        return bytearray(message.data)

    def _send(self, data: bytearray) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise KernelError("send", error.errno or 0, ("AF_NETLINK",)) from error

    def _acknowledged(self, waited: dict[int, Request]) -> None:
        failed: dict[int, int] = {}
        open_ends = set(waited)
        while open_ends:
            for sequence, number in _errors(self._socket.recv(_ROOM_BYTES)):
                if number:
                    failed.setdefault(sequence, number)
                if number and sequence not in waited:
                    open_ends.clear()  # that of the batch itself: nothing was done, and nothing more is said
                open_ends.discard(sequence)
        if failed:
            sequence = min(failed)
            request = waited.get(sequence)
            if request is None:
                raise KernelError("nftables", failed[sequence], ())
            raise KernelError(request.call, failed[sequence], request.arguments)


def _errors(data: bytes) -> list[tuple[int, int]]:
    """Sequence number and errno (0: done) of each acknowledgement in ``data``."""
    found = []
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
        if kind == NLMSG_ERROR:
            (number,) = _ERROR.unpack_from(data, at + _HEADER.size)
            found.append((sequence, -number))
        at += (length + 3) & ~3
    return found


def _mark(kind: int) -> Any:
    message = nfgen_msg()
    message["res_id"] = NFNL_SUBSYS_NFTABLES
    message["header"]["type"] = kind
    message["header"]["flags"] = NLM_F_REQUEST
    return message


def missing(error: OSError) -> bool:
    """The kernel does not know what it was asked for: a module that is not there."""
    return error.errno in (errno.EOPNOTSUPP, errno.ENOENT, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EINVAL)


def reason(error: OSError) -> str:
    """Its errno in words."""
    return os.strerror(error.errno or 0)
