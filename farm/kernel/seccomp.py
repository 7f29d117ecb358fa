"""Loading a seccomp filter that somebody else compiled; see seccomp(2)."""

from __future__ import annotations

import ctypes
import os

from farm.errors import KernelError
from farm.kernel.libc import failed, syscall

_NR_seccomp = {"x86_64": 317, "aarch64": 277, "i686": 354, "armv7l": 383, "ppc64le": 358, "s390x": 348, "riscv64": 277}
_NUMBER = _NR_seccomp.get(os.uname().machine, -1)

SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3

_INSTRUCTION_BYTES = 8  # struct sock_filter
_MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def load_filter(bpf: bytes, *, listener: bool = False) -> int:
    """Put this thread and all it starts under the filter ``bpf`` (an array of ``struct sock_filter``).

    Needs no_new_privs or CAP_SYS_ADMIN in the current user namespace (EACCES otherwise). With ``listener`` the result is
    the descriptor that answers SECCOMP_RET_USER_NOTIF, which the caller owns; without, it is 0.
    """
    count, rest = divmod(len(bpf), _INSTRUCTION_BYTES)
    if rest or not 0 < count <= _MOST_INSTRUCTIONS:
        raise KernelError("seccomp", 22, (f"{len(bpf)} bytes of filter",), "not an array of struct sock_filter")
    program = _Program(count, bpf)
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER if listener else 0
    result = syscall(_NUMBER, ctypes.c_uint(SECCOMP_SET_MODE_FILTER), ctypes.c_uint(flags), ctypes.byref(program))
    if result < 0:
        raise failed("seccomp", f"{count} instructions")
    return result
