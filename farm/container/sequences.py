"""What takes several system calls, or a structure, as calls of a program; see ``numbers`` for those of descriptors."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys

from farm.container.numbers import CHILDREN, CONTROL, EVENTS, OOM, SLOT
from farm.container.words import Argument
from farm.kernel import capability, process, signals
from farm.kernel.libc import AT_FDCWD, AT_RECURSIVE
from farm.kernel.mount import MNT_DETACH

Bare = tuple[str, tuple[Argument, ...]]
"""A call without its step."""

_SIOCSIFFLAGS = 0x8914
_LOOPBACK_UP = (
    b"lo" + bytes(14) + (0x1 | 0x40).to_bytes(2, sys.byteorder) + bytes(14)
)  # struct ifreq: IFF_UP | IFF_RUNNING

RAISE_LOOPBACK: tuple[Bare, ...] = (
    ("socket", (socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)),
    ("ioctl", (SLOT, _SIOCSIFFLAGS, _LOOPBACK_UP)),
    ("close", (SLOT,)),
)
"""Bring up ``lo`` in the current network namespace; needs CAP_NET_ADMIN over it (EPERM)."""

_CHILD = struct.pack("=Q", 1 << signals.SIGCHLD - 1)  # a set of signals, as the kernel has them
_BY_DEFAULT = bytes(32)  # struct sigaction, the kernel's: SIG_DFL
_SET_BYTES = 8
_SIG_BLOCK = 0
_EPOLL_CTL_ADD = 1
_EVENT = struct.Struct(
    "=Ii4x" if os.uname().machine == "x86_64" else "=I4xi4x"
)  # struct epoll_event, packed there alone


def _opened(call: str, arguments: tuple[Argument, ...], number: int) -> tuple[Bare, ...]:
    """What ``call`` opens gets that number."""
    return (call, arguments), ("dup3", (SLOT, number, os.O_CLOEXEC)), ("close", (SLOT,))


def _added(number: int) -> Bare:
    return "epoll_ctl", (EVENTS, _EPOLL_CTL_ADD, number, _EVENT.pack(select.EPOLLIN, number))


LISTEN: tuple[Bare, ...] = (
    ("rt_sigaction", (signals.SIGCHLD, _BY_DEFAULT, None, _SET_BYTES)),  # the zygote ignores it
    ("rt_sigprocmask", (_SIG_BLOCK, _CHILD, None, _SET_BYTES)),
    *_opened("signalfd4", (-1, _CHILD, _SET_BYTES, os.O_CLOEXEC | os.O_NONBLOCK), CHILDREN),
    *_opened("epoll_create1", (os.O_CLOEXEC,), EVENTS),
    _added(CHILDREN),
    _added(CONTROL),
)
"""Have ``EVENTS``.

Now, because the first command may already take away what a process may open. And not poll(2), which fails where more is
watched than RLIMIT_NOFILE allows, and anybody in the container may lower PID 1's.
"""

OPEN_OOM = _opened("openat", (AT_FDCWD, b"/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC), OOM)
"""Have ``OOM``."""


def mount(source: str, target: str, fstype: str, flags: int, data: str = "") -> Bare:
    shown = os.fsencode(source), os.fsencode(target)
    return "mount", (*shown, os.fsencode(fstype) or None, flags, os.fsencode(data) or None)


def changed(target: str, added: int, removed: int = 0, *, recursive: bool = False) -> Bare:
    """Other attributes for the mount at ``target``, and for those below it where ``recursive``."""
    attributes = struct.pack("=4Q", added, removed, 0, 0)  # struct mount_attr
    flags = AT_RECURSIVE if recursive else 0
    return "mount_setattr", (AT_FDCWD, os.fsencode(target), flags, attributes, len(attributes))


def directory(path: str, mode: int) -> Bare:
    return "mkdirat", (AT_FDCWD, os.fsencode(path), mode)


def link(source: str, path: str) -> Bare:
    return "symlinkat", (os.fsencode(source), AT_FDCWD, os.fsencode(path))


def created(path: str, text: str, mode: int) -> tuple[Bare, ...]:
    """A small new file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return ("openat", (AT_FDCWD, os.fsencode(path), flags, mode)), *_filled(text)


def written(path: str, text: str) -> tuple[Bare, ...]:
    """One of the kernel's files, written to in one call."""
    return ("openat", (AT_FDCWD, os.fsencode(path), os.O_WRONLY | os.O_CLOEXEC)), *_filled(text)


def _filled(text: str) -> tuple[Bare, ...]:
    data = os.fsencode(text)
    return ("write", (SLOT, data, len(data))), ("close", (SLOT,))


def pivoted(new_root: str) -> tuple[Bare, ...]:
    """pivot_root(2) to ``new_root``, then let go of everything else; verified by the working directory."""
    return (
        ("chdir", (os.fsencode(new_root),)),
        ("pivot_root", (b".", b".")),
        # The old root now lies on top of the new one at the same place; taking it off uncovers the new root.
        ("umount2", (b".", MNT_DETACH)),
        ("chdir", (b"/",)),
        # A working directory outside the root would be a way out (CVE-2024-21626); its path would not fit (ERANGE).
        ("getcwd", (bytes(len(b"/")), len(b"/\0"))),
    )


def creating_as(owner: int) -> tuple[Bare, ...]:
    """What is created from now on belongs to the user and group ``owner``, and the capabilities stay; see setfsuid(2).

    Without the secure bit, leaving user 0 would take those over files away; with user 0 the bit is cleared again. Needs
    CAP_SETPCAP, CAP_SETUID and CAP_SETGID; the calls themselves cannot report a failure.
    """
    bits = ("prctl", (process.PR_SET_SECUREBITS, process.SECBIT_NO_SETUID_FIXUP if owner else 0))
    ids: tuple[Bare, ...] = (("setfsgid", (owner,)), ("setfsuid", (owner,)))
    return (bits, *ids) if owner else (*ids, bits)


def kept_only(bits: int, own: int) -> tuple[Bare, ...]:
    """``capability.keep_only``."""
    both = bits | own
    halves = (both & 0xFFFFFFFF, both >> 32)
    header = struct.pack("=Ii", capability.VERSION_3, 0)
    data = struct.pack("=6I", *(word for half in halves for word in (half, half, 0)))
    return (
        *(("prctl", (process.PR_CAPBSET_DROP, number)) for number in range(capability.COUNT) if not bits >> number & 1),
        ("prctl", (process.PR_CAP_AMBIENT, process.PR_CAP_AMBIENT_CLEAR_ALL)),
        ("capset", (header, data)),
    )
