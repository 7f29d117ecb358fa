"""Messages with descriptors over unix(7) sockets.

``_socket`` and not ``socket``, which brings enum, selectors and half a megabyte along: the zygote's memory is copied for
every container.
"""

from __future__ import annotations

import _socket
import sys

AF_UNIX = _socket.AF_UNIX
SOCK_SEQPACKET = _socket.SOCK_SEQPACKET
SOCK_CLOEXEC = _socket.SOCK_CLOEXEC
SOL_SOCKET = _socket.SOL_SOCKET
SHUT_WR = _socket.SHUT_WR
SO_SNDBUFFORCE = 32  # asm-generic/socket.h; not in Python

Socket = _socket.socket

_INT_BYTES = 4
MOST_DESCRIPTORS = 64
_ROOM = _socket.CMSG_SPACE(MOST_DESCRIPTORS * _INT_BYTES)


def pair() -> tuple[Socket, Socket]:
    """Two connected sockets that keep messages apart; close-on-exec."""
    return _socket.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)


def receive(sock: Socket, most_bytes: int, flags: int = 0) -> tuple[bytes, tuple[int, ...]]:
    """One message and the descriptors that came with it (``MOST_DESCRIPTORS`` at most), which the caller owns.

    They are close-on-exec from the start.

    ``socket.recv_fds`` of Python 3.11 ignores its flags, so that descriptors would leak into the next exec.
    """
    data, ancillary, _, _ = sock.recvmsg(most_bytes, _ROOM, flags | _socket.MSG_CMSG_CLOEXEC)
    return data, _descriptors(ancillary)


def send(sock: Socket, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message; ``descriptors`` stay the caller's. EPIPE where nobody listens, EMSGSIZE where it is too long."""
    if not descriptors:
        sock.send(data)
        return
    payload = b"".join(fd.to_bytes(_INT_BYTES, sys.byteorder) for fd in descriptors)
    sock.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, payload)])


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, ...]:
    for level, kind, payload in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            return tuple(
                int.from_bytes(payload[at : at + _INT_BYTES], sys.byteorder)
                for at in range(0, len(payload) - _INT_BYTES + 1, _INT_BYTES)
            )
    return ()
