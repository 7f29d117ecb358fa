"""recvmsg(2) and sendmsg(2) for a process whose memory is copied: what they take lies where it is, nothing is made anew.

``socket`` makes some twenty objects for a message with descriptors, and a zygote copies the page of each between any two
containers. Here descriptors that come are known by the numbers that they get, the lowest that are free, in order.
"""

from __future__ import annotations

import _socket
import ctypes
import errno
import mmap

from farm.errors import KernelError
from farm.kernel.libc import failed, function, last_errno
from farm.kernel.sockets import MOST_DESCRIPTORS

_INT_BYTES = 4
_ROOM = _socket.CMSG_SPACE(MOST_DESCRIPTORS * _INT_BYTES)

_recvmsg = function("recvmsg", ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_sendmsg = function("sendmsg", ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Buffer(ctypes.Structure):  # struct iovec
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Text(ctypes.Structure):  # the same, of bytes that it keeps
    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):  # struct msghdr
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("buffers", ctypes.c_void_p),
        ("buffer_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Descriptor(ctypes.Structure):  # struct cmsghdr, and what follows
    _fields_ = (("length", ctypes.c_size_t), ("level", ctypes.c_int), ("kind", ctypes.c_int), ("fd", ctypes.c_int))


class Inbox:
    """Messages that come over ``fd``, each into the same ``buffer``, which lies at ``address``."""

    __slots__ = ("_address", "_buffer", "_control", "_fd", "_header", "address")

    def __init__(self, fd: int, buffer: mmap.mmap) -> None:
        self._fd = fd
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        self._buffer = _Buffer(self.address, len(buffer))
        self._control = ctypes.create_string_buffer(_ROOM)
        self._header = _Header(
            buffers=ctypes.addressof(self._buffer), buffer_count=1, control=ctypes.addressof(self._control)
        )
        self._address = ctypes.addressof(self._header)

    def receive(self) -> int:
        """The length of the next message, 0 at the end. Descriptors with it are the caller's, close-on-exec from the start.

        EMFILE where not all of them arrived: their numbers are not what they should be.
        """
        self._header.control_length = _ROOM
        while (length := int(_recvmsg(self._fd, self._address, _socket.MSG_CMSG_CLOEXEC))) < 0:
            if last_errno() == errno.ECONNRESET:
                return 0
            if last_errno() != errno.EINTR:
                raise failed("recvmsg", self._fd)
        if self._header.flags & _socket.MSG_CTRUNC:
            raise KernelError("recvmsg", errno.EMFILE, (self._fd,), "descriptors were lost on the way")
        return length


class Outbox:
    """Messages over ``fd``, each with one descriptor."""

    __slots__ = ("_address", "_control", "_fd", "_header", "_text")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._text = _Text()
        self._control = _Descriptor(_socket.CMSG_LEN(_INT_BYTES), _socket.SOL_SOCKET, _socket.SCM_RIGHTS, -1)
        self._header = _Header(
            buffers=ctypes.addressof(self._text),
            buffer_count=1,
            control=ctypes.addressof(self._control),
            control_length=ctypes.sizeof(self._control),
        )
        self._address = ctypes.addressof(self._header)

    def send(self, data: bytes, passed: int) -> None:
        """Send ``data`` and the descriptor ``passed``, which stays the caller's. EPIPE, ECONNRESET where nobody listens."""
        self._text.base = data
        self._text.length = len(data)
        self._control.fd = passed
        if _sendmsg(self._fd, self._address, _socket.MSG_NOSIGNAL) < 0:
            raise failed("sendmsg", self._fd)
