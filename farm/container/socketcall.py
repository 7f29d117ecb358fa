"""Sockets for programs that ask for them through socketcall(2), made by PID 1 in their stead.

Old 32-bit C libraries make every socket that way, and the address family lies behind a pointer, which no filter can
follow: to let the call through would be to let AF_ALG and AF_VSOCK through. So the filter hands just this operation (its
number is in a register) to PID 1, see seccomp_unotify(2). PID 1 copies the three words once, makes the socket itself, under
the same filter, and gives the program a descriptor of it. To look at the words and then let the call go on would be a race
that the program wins.

PID 1 may do more than who asks: it is root, and it can read the memory of every process in the container
(``READS_MEMORY``, which nothing that it starts has). So the socket is made with no capability that the caller lacks.
"""

from __future__ import annotations

import _socket
import errno
import struct

from farm.kernel import capability, process, seccomp

READS_MEMORY = capability.mask(("SYS_PTRACE",))

_WORDS = struct.Struct("=iii")  # family, type, protocol


def answer(listener_fd: int) -> None:
    """Answer the call that waits. Never raises: a thread that has gone meanwhile needs no answer."""
    try:
        cookie, thread, arguments = seccomp.next_call(listener_fd)
        try:
            made, close_on_exec = _made(thread, arguments[1])
        except OSError as error:
            seccomp.answer_error(listener_fd, cookie, error.errno or errno.EINVAL)
            return
        try:
            seccomp.answer_descriptor(listener_fd, cookie, made.fileno(), close_on_exec=close_on_exec)
        except OSError as error:  # EMFILE: the program has as many descriptors as it may have
            seccomp.answer_error(listener_fd, cookie, error.errno or errno.EINVAL)
        finally:
            made.close()
    except OSError:
        pass


def _made(thread: int, address: int) -> tuple[_socket.socket, bool]:
    """The socket that ``thread`` describes at ``address``, and whether it wants it close-on-exec."""
    family, kind, protocol = _WORDS.unpack(process.read_memory(thread, address, _WORDS.size))
    ours = capability.effective()
    capability.set_effective(ours & capability.effective(thread), ours)
    try:
        return _socket.socket(family, kind, protocol), bool(kind & _socket.SOCK_CLOEXEC)
    finally:
        capability.set_effective(ours, ours)
