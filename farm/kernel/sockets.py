"""Messages with descriptors over unix(7) sockets."""

from __future__ import annotations

import array
import socket

_INT_BYTES = array.array("i").itemsize


def receive(
    sock: socket.socket, most_bytes: int, most_descriptors: int, flags: int = 0
) -> tuple[bytes, tuple[int, ...]]:
    """One message and the descriptors that came with it, close-on-exec from the start; the caller owns them.

    ``socket.recv_fds`` of Python 3.11 ignores its flags, so that descriptors would leak into the next exec.
    """
    room = socket.CMSG_SPACE(most_descriptors * _INT_BYTES)
    data, ancillary, _, _ = sock.recvmsg(most_bytes, room, flags | socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % _INT_BYTES])
    return data, tuple(descriptors)
