"""Loading a seccomp filter that somebody else compiled, and answering for it; see seccomp(2) and seccomp_unotify(2)."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct

from farm.errors import KernelError
from farm.kernel.libc import failed, words

_NR_seccomp = {"x86_64": 317, "aarch64": 277, "i686": 354, "armv7l": 383, "ppc64le": 358, "s390x": 348, "riscv64": 277}
_NUMBER = _NR_seccomp.get(os.uname().machine, -1)

SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3

_NOTIF = struct.Struct("=QII iI Q 6Q")  # struct seccomp_notif with its struct seccomp_data
_RESPONSE = struct.Struct("=Q q i I")  # struct seccomp_notif_resp
_ADDFD = struct.Struct("=Q 4I")  # struct seccomp_notif_addfd
_IOCTL_NOTIF_RECV, _IOCTL_NOTIF_SEND, _IOCTL_NOTIF_ADDFD = 0xC0502100, 0xC0182101, 0x40182103
_ADDFD_FLAG_SEND = 1 << 1

_INSTRUCTION_BYTES = 8  # struct sock_filter
_MOST_BYTES = 4096 * _INSTRUCTION_BYTES  # BPF_MAXINSNS


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class Filter:
    """A filter to be loaded by many: ``bpf`` is an array of ``struct sock_filter``."""

    __slots__ = ("_address", "_bytes", "_program")

    def __init__(self, bpf: bytes) -> None:
        self._bytes = len(bpf)
        self._program = _Program(len(bpf) // _INSTRUCTION_BYTES, bpf)  # keeps ``bpf``
        self._address = ctypes.addressof(self._program)

    def load(self, *, listener: bool = False) -> int:
        """Put this thread and all it starts under the filter.

        Needs no_new_privs or CAP_SYS_ADMIN in the current user namespace (EACCES otherwise). With ``listener`` the result is
        the descriptor that answers SECCOMP_RET_USER_NOTIF, which the caller owns; without, it is 0.
        """
        if self._bytes % _INSTRUCTION_BYTES or not 0 < self._bytes <= _MOST_BYTES:
            raise KernelError("seccomp", 22, (f"{self._bytes} bytes of filter",), "not an array of struct sock_filter")
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER if listener else 0
        result: int = words(_NUMBER, SECCOMP_SET_MODE_FILTER, flags, self._address, 0, 0, 0)
        if result < 0:
            raise failed("seccomp", f"{self._bytes // _INSTRUCTION_BYTES} instructions")
        return result


def next_call(listener_fd: int) -> tuple[int, int, tuple[int, ...]]:
    """The next call that waits for an answer: its cookie, the calling thread in our pid namespace, its six arguments.

    Blocks until there is one. ENOENT where the thread has been killed meanwhile.
    """
    cookie, thread, _, _, _, _, *arguments = _NOTIF.unpack(
        fcntl.ioctl(listener_fd, _IOCTL_NOTIF_RECV, bytes(_NOTIF.size))
    )
    return cookie, thread, tuple(arguments)


def answer_error(listener_fd: int, cookie: int, number: int) -> None:
    """Let the call fail with errno ``number``. ENOENT where its thread is gone."""
    fcntl.ioctl(listener_fd, _IOCTL_NOTIF_SEND, _RESPONSE.pack(cookie, 0, -number, 0))


def answer_descriptor(listener_fd: int, cookie: int, fd: int, *, close_on_exec: bool) -> None:
    """Let the call return a copy of ``fd`` (Linux 5.9; in one step since 5.14). ENOENT where its thread is gone."""
    flags = os.O_CLOEXEC if close_on_exec else 0
    try:
        fcntl.ioctl(listener_fd, _IOCTL_NOTIF_ADDFD, _ADDFD.pack(cookie, _ADDFD_FLAG_SEND, fd, 0, flags))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # Of a buffer that it may change, Python returns the call's result: the descriptor's number over there.
        number = fcntl.ioctl(listener_fd, _IOCTL_NOTIF_ADDFD, bytearray(_ADDFD.pack(cookie, 0, fd, 0, flags)), True)
        fcntl.ioctl(listener_fd, _IOCTL_NOTIF_SEND, _RESPONSE.pack(cookie, number, 0, 0))
