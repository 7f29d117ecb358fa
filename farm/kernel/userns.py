"""User namespaces: making one that outlives its first process, as a descriptor; see user_namespaces(7)."""

from __future__ import annotations

import os

from farm.errors import KernelError
from farm.kernel import process


class IdMap:
    """Ids 0 to ``count`` - 1 inside are ``base`` to ``base`` + ``count`` - 1 outside, for users and groups alike.

    Not a dataclass: the zygote imports this, and its memory is copied for every container.
    """

    __slots__ = ("base", "count")

    def __init__(self, base: int, count: int = 65536) -> None:
        self.base = base
        self.count = count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdMap) and (self.base, self.count) == (other.base, other.count)

    def __hash__(self) -> int:
        return hash((self.base, self.count))

    def __repr__(self) -> str:
        return f"IdMap({self.base}, {self.count})"

    def text(self) -> str:
        """The line that uid_map and gid_map take."""
        return f"0 {self.base} {self.count}\n"


def create_userns(id_map: IdMap, creator: int = 0) -> int:
    """A descriptor of a new user namespace with ``id_map``; the caller owns it, and it lives as long as that.

    ``creator`` is the user that counts as its maker. What the kernel limits by user (inotify instances, message queues,
    pending signals) counts for the maker as well: with root's id, a container could use up what root itself has. Another one
    takes the parent-death signal of this process. Needs CAP_SETUID and CAP_SETGID over the outer range (EPERM), and
    ``user.max_user_namespaces`` not used up (ENOSPC).
    """
    ready_read, ready_write = os.pipe2(os.O_CLOEXEC)
    with process.effective_user(creator):
        pid, pidfd = process.clone3(process.CLONE_NEWUSER, exit_signal=17)
        if pid == 0:
            # The child only holds the namespace open until the parent has written its maps; it never leaves this block.
            try:
                os.close(ready_write)
                os.read(ready_read, 1)
            finally:
                os._exit(0)
    try:
        os.close(ready_read)
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{pid}/{name}", id_map.text())
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready_write)
        os.close(pidfd)
        os.waitpid(pid, 0)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise KernelError("write", error.errno or 0, (path, text.strip())) from error
    finally:
        os.close(fd)
