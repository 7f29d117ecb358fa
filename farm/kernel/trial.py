"""Trying something out in a child with namespaces of its own: the kernel's answer is better than its version.

Nothing of a trial is left: its mounts are in the child's mount namespace and go with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from farm.errors import KernelError
from farm.kernel import mount as m
from farm.kernel import process

_SIGCHLD = 17
_I386_PROGRAM = bytes.fromhex(
    # Elf32_Ehdr: ET_EXEC, EM_386, entry 0x08048054, one program header at 52
    "7f454c46010101000000000000000000020003000100000054800408340000000000000000000000340020000100000000000000"
    # Elf32_Phdr: PT_LOAD of these 96 bytes at 0x08048000, read and execute
    "0100000000000000008004080080040860000000600000000500000000100000"
    # mov eax, 1 (exit); mov ebx, 42; int 0x80
    "b801000000bb2a000000cd80"
)
_I386_STATUS = 42


def attempt(flags: int, action: Callable[[], None]) -> str:
    """Call ``action`` in a child with the new namespaces ``flags`` (CLONE_NEW*); why it failed, empty where it did not.

    ``action`` may raise ``OSError`` only. It runs in a raw copy of this thread: no imports, no locks, no logging.
    """
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    try:
        pid, pidfd = process.clone3(flags, exit_signal=_SIGCHLD)
        if pid == 0:
            _child(action, write_fd)
    except KernelError as error:
        os.close(read_fd)
        os.close(write_fd)
        return str(error)
    os.close(write_fd)
    os.close(pidfd)
    with os.fdopen(read_fd, "rb") as pipe:
        told = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return os.fsdecode(told) or (f"ended with {status}" if status else "")


def overlay_on(directory: str, userns_fd: int = -1) -> Callable[[], None]:
    """An action for ``attempt`` with CLONE_NEWNS: an overlay of ``directory`` with a tmpfs on top, as containers have it.

    With ``userns_fd`` the lower layer is idmapped into that user namespace.
    """

    def action() -> None:
        m.mount("", "/", flags=m.MS_REC | m.MS_PRIVATE)
        tree = m.open_tree(directory)
        if userns_fd >= 0:
            m.mount_setattr("", m.MOUNT_ATTR_IDMAP, dir_fd=tree, userns_fd=userns_fd)
        m.mount("farm", "/proc", "tmpfs", m.MS_NODEV | m.MS_NOSUID, "size=1m,mode=755")
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(f"/proc/{name}")
        m.move_mount(tree, "/proc/lower")
        layers = "lowerdir=/proc/lower,upperdir=/proc/upper,workdir=/proc/work"
        m.mount("farm", "/proc/merged", "overlay", 0, layers)
        os.mkdir("/proc/merged/farm-probe")

    return action


def run_i386() -> str:
    """Run a program of 96 bytes for i386; why it cannot be, empty where it can. Only asked for on x86-64."""
    fd = os.memfd_create("farm-i386", os.MFD_CLOEXEC)
    try:
        os.write(fd, _I386_PROGRAM)
        pid = os.posix_spawn(f"/proc/self/fd/{fd}", ["farm-i386"], {})
    except OSError as error:
        return f"execve: {error.strerror}"
    finally:
        os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "" if status == _I386_STATUS else f"ended with {status} instead of {_I386_STATUS}"


def _child(action: Callable[[], None], write_fd: int) -> None:
    """Never returns."""
    try:
        action()
        os._exit(0)
    except OSError as error:
        os.write(write_fd, os.fsencode(str(error)))
    finally:
        os._exit(1)
