"""clone3(2), setns(2), unshare(2), prctl(2), close_range(2) and others that make, confine and read processes."""

from __future__ import annotations

import ctypes
import errno
import os

from farm.errors import KernelError
from farm.kernel.libc import failed, function, words

CLONE_NEWTIME = 0x80
CLONE_PIDFD = 0x1000
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x2000000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_INTO_CGROUP = 0x200000000

PER_LINUX32 = 0x8

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2

_NR_clone3 = 435
NR_close_range = 436

_setns = function("setns", ctypes.c_int, ctypes.c_int)
_unshare = function("unshare", ctypes.c_int)
_prctl = function("prctl", ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


_process_vm_readv = function(
    "process_vm_readv",
    ctypes.c_int,
    ctypes.POINTER(_IoVec),
    ctypes.c_ulong,
    ctypes.POINTER(_IoVec),
    ctypes.c_ulong,
    ctypes.c_ulong,
)


class _CloneArgs(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    )


_CLONE_ARGS_BYTES = ctypes.sizeof(_CloneArgs)


class Cloner:
    """clone3(2) over and over, from arguments that lie where they are: a zygote's memory is copied page by page (Linux 5.3).

    The child shares nothing of the parent's memory, but it is a raw copy: it must not log, import or take a lock another
    thread may hold. After ``clone`` the parent owns ``pidfd``.
    """

    __slots__ = ("_address", "_arguments", "_pidfd")

    def __init__(self, exit_signal: int = 0) -> None:
        self._pidfd = ctypes.c_int(-1)
        self._arguments = _CloneArgs(pidfd=ctypes.addressof(self._pidfd), exit_signal=exit_signal)
        self._address = ctypes.addressof(self._arguments)

    @property
    def pidfd(self) -> int:
        """Of the last child."""
        return self._pidfd.value

    def clone(self, flags: int, cgroup_fd: int = -1) -> int:
        """Fork this process into new namespaces: the pid in the parent, 0 in the child.

        ``cgroup_fd`` is a cgroup v2 directory to start the child in (Linux 5.7).
        """
        self._arguments.flags = flags | CLONE_PIDFD | (CLONE_INTO_CGROUP if cgroup_fd >= 0 else 0)
        self._arguments.cgroup = max(cgroup_fd, 0)
        pid: int = words(_NR_clone3, self._address, _CLONE_ARGS_BYTES, 0, 0, 0, 0)
        if pid < 0:
            raise failed("clone3", hex(flags))
        return pid


def clone3(flags: int, *, exit_signal: int = 0, cgroup_fd: int = -1) -> tuple[int, int]:
    """``Cloner``, once: ``(pid, pidfd)`` in the parent, ``(0, -1)`` in the child. The parent owns the pidfd."""
    cloner = Cloner(exit_signal)
    pid = cloner.clone(flags, cgroup_fd)
    return pid, cloner.pidfd if pid else -1


def setns(fd: int, nstype: int) -> None:
    """Enter the namespace ``fd`` is; ``nstype`` is the CLONE_NEW* it must be of. EINVAL where this process has threads."""
    if _setns(fd, nstype):
        raise failed("setns", fd, hex(nstype))


def unshare(flags: int) -> None:
    """Leave the shared namespaces named by ``flags`` for new ones."""
    if _unshare(flags):
        raise failed("unshare", hex(flags))


def prctl(option: int, value: int = 0, third: int = 0) -> int:
    """prctl(2) with its last two arguments zero."""
    result = int(_prctl(option, value, third, 0, 0))
    if result < 0:
        raise failed("prctl", option, value)
    return result


def set_name(name: str) -> None:
    """The name ``ps -o comm`` shows for this thread; the kernel keeps 15 bytes."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    prctl(PR_SET_NAME, ctypes.addressof(buffer))


def title_area() -> tuple[int, int]:
    """Address and length of the arguments this process was started with, for ``set_title``; see proc(5)."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, the 48th and 49th of all
    return start, end - start


def set_title(area: tuple[int, int], title: str) -> None:
    """What /proc/PID/cmdline shows of this process, written over ``area``.

    Anybody who sees the process may read those, also where nothing else of it is readable, and they tell of the host.
    prctl(PR_SET_MM_ARG_END) could cut them off, but takes CAP_SYS_RESOURCE; the rest of their room is zeroed instead.
    """
    start, room = area
    ctypes.memmove(start, title.encode()[: room - 1].ljust(room, b"\0"), room)


def read_memory(thread: int, address: int, length: int) -> bytes:
    """``length`` bytes at ``address`` of another process; process_vm_readv(2).

    Needs the right to trace it: EPERM without. EFAULT where nothing is mapped there, ESRCH where it has ended.
    """
    buffer = ctypes.create_string_buffer(length)
    here, there = _IoVec(ctypes.addressof(buffer), length), _IoVec(address, length)
    count = _process_vm_readv(thread, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    if count < 0:
        raise failed("process_vm_readv", thread, hex(address))
    if count < length:
        raise KernelError("process_vm_readv", errno.EFAULT, (thread, hex(address)))
    return buffer.raw


def close_range(first: int, last: int = 0xFFFFFFFF) -> None:
    """Close every descriptor from ``first`` to ``last`` (Linux 5.9)."""
    if first <= last and words(NR_close_range, first, last, 0, 0, 0, 0):
        raise failed("close_range", first, last)


def close_all_but(kept: tuple[int, ...]) -> None:
    """Close every descriptor but those in ``kept``."""
    first = 0
    for fd in sorted(set(kept)):
        if fd > first:
            close_range(first, fd - 1)
        first = fd + 1
    close_range(first)


class effective_user:
    """A context manager: this process has the effective user ``uid`` and keeps its capabilities. Needs CAP_SETUID, CAP_SETPCAP.

    Without the secure bit, leaving user 0 would take those away. What the kernel takes besides, being dumpable, is given back.
    """

    __slots__ = ("_uid",)

    def __init__(self, uid: int) -> None:
        self._uid = uid

    def __enter__(self) -> None:
        if self._uid:
            prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
            os.setresuid(-1, self._uid, -1)

    def __exit__(self, *_: object) -> None:
        if not self._uid:
            return
        os.setresuid(-1, 0, -1)
        prctl(PR_SET_SECUREBITS, 0)
        prctl(PR_SET_DUMPABLE, 1)


def lend(uid: int, gid: int, *groups: int) -> None:
    """Be ``uid`` by real id only, with its groups: what posix_spawn(3) starts with POSIX_SPAWN_RESETIDS is that user alone.

    This process keeps the effective and saved id 0, and with them its capabilities; ``lend(0, 0)`` takes all of it back.
    """
    os.setgroups(groups)
    os.setresgid(gid, 0, 0)
    os.setresuid(uid, 0, 0)


def become(uid: int, gid: int, groups: tuple[int, ...] = ()) -> None:
    """Change every identity of this process for good, groups first while that is still allowed."""
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
