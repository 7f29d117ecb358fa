"""Netlink requests in batches: pyroute2 writes the messages, and one system call sends many of them.

pyroute2's own sockets wait for the answer to each request, on an event loop of their own, and each call costs a millisecond;
a container's link takes six. What the kernel keeps by socket (a table of nftables that goes with its owner) also needs a socket
of ours. Every message asks for an acknowledgement, so an error is always that of one message.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR
from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES, nfgen_msg

from farm.errors import KernelError

ROUTE, NETFILTER = 0, 12  # linux/netlink.h
_SOL_NETLINK, _NETLINK_CAP_ACK = 270, 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11  # linux/netfilter/nfnetlink.h
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_ERROR = struct.Struct("=i")
_ATTRIBUTE, _TYPE = struct.Struct("=HH"), 0x3FFF  # struct nlattr: length, type; the rest of the type are flags
_NFGEN_BYTES = 4  # struct nfgenmsg, whose first byte is the family
_LENGTH = struct.Struct("=I")
_SEQUENCE, _SEQUENCE_AT = struct.Struct("=I"), 8
_PATIENCE_S = 60.0  # the kernel may be busy with the end of thousands of namespaces
_ROOM_BYTES = 1 << 17


class Request:
    """One message: ``call`` and ``arguments`` say in errors what it was to do.

    ``more`` are attributes at its end that pyroute2 has no name for in all its versions, see ``attribute``.
    """

    __slots__ = ("arguments", "call", "data")

    def __init__(self, call: str, kind: int, flags: int, message: Any, *arguments: object, more: bytes = b"") -> None:
        self.call = call
        self.arguments = arguments
        message["header"]["type"] = kind
        message["header"]["flags"] = flags | NLM_F_REQUEST | NLM_F_ACK
        message.encode()
        data = bytearray(message.data) + more
        _LENGTH.pack_into(data, 0, len(data))
        self.data = bytes(data)


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
        self._socket.settimeout(_PATIENCE_S)
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
            data += self._numbered(each.data)
        self._send(data)
        self._acknowledged({first + at: each for at, each in enumerate(requests)})

    def commit(self, requests: Sequence[Request]) -> None:
        """``ask`` for nftables: all of ``requests`` or none."""
        data = self._numbered(_mark(_BATCH_BEGIN))
        waited = {}
        for each in requests:
            data += self._numbered(each.data)
            waited[self._sequence] = each
        data += self._numbered(_mark(_BATCH_END))
        self._send(data)
        self._acknowledged(waited)

    def dump_nftables(self, kind: int) -> list[tuple[int, dict[int, bytes]]]:
        """Everything of that kind (NFT_MSG_GET*), of every family: each one's family and attributes. Raises ``KernelError``.

        What somebody changes meanwhile may be in it as it was before or after.
        """
        message = nfgen_msg()
        message["header"]["type"] = (NFNL_SUBSYS_NFTABLES << 8) | kind
        message["header"]["flags"] = NLM_F_REQUEST | NLM_F_DUMP
        message.encode()
        self._send(self._numbered(bytes(message.data)))
        found: list[tuple[int, dict[int, bytes]]] = []
        while True:
            for kind_of, sequence, body in _messages(self._receive()):
                if sequence != self._sequence:
                    continue
                if kind_of == NLMSG_DONE:
                    return found
                if kind_of == NLMSG_ERROR:
                    raise KernelError("nftables", -_ERROR.unpack_from(body)[0], ("NLM_F_DUMP",))
                found.append((body[0], attributes(body[_NFGEN_BYTES:])))

    def _numbered(self, message: bytes) -> bytearray:
        """``message`` with the next sequence number in its header."""
        self._sequence += 1
        numbered = bytearray(message)
        _SEQUENCE.pack_into(numbered, _SEQUENCE_AT, self._sequence)
        return numbered

    def _send(self, data: bytearray) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise KernelError("send", error.errno or 0, ("AF_NETLINK",)) from error

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_ROOM_BYTES)
        except TimeoutError:
            raise KernelError("recv", errno.ETIMEDOUT, ("AF_NETLINK",), "the kernel does not answer") from None
        except OSError as error:
            raise KernelError("recv", error.errno or 0, ("AF_NETLINK",)) from error

    def _acknowledged(self, waited: dict[int, Request]) -> None:
        failed: dict[int, int] = {}
        open_ends = set(waited)
        while open_ends:
            for sequence, number in _errors(self._receive()):
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
    return [(sequence, -_ERROR.unpack_from(body)[0]) for kind, sequence, body in _messages(data) if kind == NLMSG_ERROR]


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, sequence number and body of each message in ``data``."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
        yield kind, sequence, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute, as it stands in a message."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data + bytes(-len(data) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in ``data``, by their types; nested ones are such data again."""
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        found[kind & _TYPE] = data[at + _ATTRIBUTE.size : at + length]
        at += max(_ATTRIBUTE.size, (length + 3) & ~3)
    return found


def _mark(kind: int) -> bytes:
    message = nfgen_msg()
    message["res_id"] = NFNL_SUBSYS_NFTABLES
    message["header"]["type"] = kind
    message["header"]["flags"] = NLM_F_REQUEST
    message.encode()
    return bytes(message.data)
