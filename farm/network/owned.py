"""A network namespace that a user namespace owns, so that capabilities held there count in it."""

from __future__ import annotations

import os
import subprocess
import sys

from farm.errors import KernelError
from farm.kernel import process
from farm.network.fresh import refuse_ipv6

_CODE = "import sys; sys.path.insert(0, {folder!r}); from farm.network.owned import hold; hold({userns_fd}, {ipv6})"


def owned_by(userns_fd: int, *, ipv6: bool = True) -> int:
    """``fresh`` of ``farm.network.fresh``, owned by the user namespace ``userns_fd``.

    Only a process with one thread may enter a user namespace, so this takes a small interpreter of its own, some 20 ms.
    """
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = _CODE.format(folder=folder, userns_fd=userns_fd, ipv6=ipv6)
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(userns_fd,),
        cwd="/",
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        said = holder.stdout.readline().decode(errors="replace").strip()
        if not said.isdecimal() or int(said):
            holder.stdin.close()
            raise KernelError("unshare", int(said) if said.isdecimal() else 1, ("CLONE_NEWNET", userns_fd))
        return os.open(f"/proc/{holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def hold(userns_fd: int, ipv6: bool) -> None:
    """The process that makes it: prints 0, or the errno, and ends when its standard input does."""
    try:
        process.setns(userns_fd, process.CLONE_NEWUSER)
        process.unshare(process.CLONE_NEWNET)
        if not ipv6:
            refuse_ipv6()
        print(0, flush=True)
    except OSError as error:
        print(error.errno or 1, flush=True)
    sys.stdin.read()
