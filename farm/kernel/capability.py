"""Capabilities: their names and numbers (``include/uapi/linux/capability.h``), and giving them up."""

from __future__ import annotations

import ctypes

from farm.kernel import process
from farm.kernel.libc import failed, function

TYPE_CHECKING = False  # typing's own would import typing, into memory that is copied for every container
if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip
"""Name of each capability without ``CAP_``, at the index that is its number."""

DEFAULT = frozenset(
    {
        "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
        "SYS_CHROOT", "SETFCAP",
    }
)  # fmt: skip
"""What a container keeps: Docker's default set less NET_RAW, MKNOD and AUDIT_WRITE."""

VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _count() -> int:
    """How many capabilities this kernel has, which may be more than have names here."""
    try:
        with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
            return int(file.read()) + 1
    except FileNotFoundError:
        return len(NAMES)


COUNT = _count()
"""How many this kernel has."""
_prctl = function("prctl", ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
_capset = function("capset", ctypes.POINTER(_Header), ctypes.POINTER(_Data))
_capget = function("capget", ctypes.POINTER(_Header), ctypes.POINTER(_Data))


def mask(names: Iterable[str]) -> int:
    """Bits of ``names`` (with or without ``CAP_``, any case). Raises ``ValueError`` naming one that does not exist."""
    bits = 0
    for name in names:
        bare = name.upper().removeprefix("CAP_")
        if bare not in NAMES:
            raise ValueError(f"no capability is called {name!r}")
        bits |= 1 << NAMES.index(bare)
    return bits


def names(bits: int) -> tuple[str, ...]:
    """Names of the set bits, in the kernel's order."""
    return tuple(name for number, name in enumerate(NAMES) if bits >> number & 1)


def effective(thread: int = 0) -> int:
    """Effective capabilities of a thread (0: this one) as bits. ESRCH where it has ended."""
    header, data = _Header(VERSION_3, thread), (_Data * 2)()
    if _capget(ctypes.byref(header), data):
        raise failed("capget", thread)
    return int(data[0].effective) | int(data[1].effective) << 32


def keep_only(bits: int, own: int = 0) -> None:
    """Reduce this thread to ``bits``: bounding, permitted, effective; inheritable and ambient sets end empty.

    It keeps ``own`` besides, for itself alone: what is not in the bounding set does not survive an exec. Needs CAP_SETPCAP
    in the current user namespace, so it comes before nothing else that does.
    """
    drop = process.PR_CAPBSET_DROP
    for number in range(COUNT):
        # Some thirty times in every container: straight to the C library.
        if not bits >> number & 1 and _prctl(drop, number, 0, 0, 0):
            raise failed("prctl", "PR_CAPBSET_DROP", number)
    process.prctl(process.PR_CAP_AMBIENT, process.PR_CAP_AMBIENT_CLEAR_ALL)
    set_effective(bits | own, bits | own)


def set_effective(bits: int, permitted: int) -> None:
    """Use only ``bits`` from here on, and be able to use ``permitted`` again. EPERM beyond what is permitted now."""
    header, data = _Header(VERSION_3, 0), (_Data * 2)()
    for half in range(2):
        data[half] = _Data(bits >> 32 * half & 0xFFFFFFFF, permitted >> 32 * half & 0xFFFFFFFF, 0)
    if _capset(ctypes.byref(header), data):
        raise failed("capset", hex(bits), hex(permitted))
