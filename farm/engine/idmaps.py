"""User namespaces that nobody lives in: what idmapped mounts of jobs take their ids from."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from farm.errors import KernelError

_MOST = 256


class IdMaps:
    """A descriptor for each pair of maps, made when first asked for; all are closed with ``close``."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], asyncio.Future[int]] = {}

    async def get(self, uid_map: str, gid_map: str) -> int:
        """A descriptor of a user namespace with these maps, which stays ours. Raises ``OSError``."""
        key = uid_map, gid_map
        if key not in self._made:
            if len(self._made) >= _MOST:
                raise KernelError("unshare", 28, (), f"more than {_MOST} owners of what is mounted")
            self._made[key] = asyncio.get_running_loop().run_in_executor(None, _make, uid_map, gid_map)
        future = self._made[key]
        try:
            return await asyncio.shield(future)
        except OSError:
            self._made.pop(key, None)
            raise

    async def close(self) -> None:
        """Let go of all of them; mounts keep theirs."""
        made, self._made = self._made, {}
        for each in await asyncio.gather(*made.values(), return_exceptions=True):
            if isinstance(each, int):
                os.close(each)


def _make(uid_map: str, gid_map: str) -> int:
    """A process of its own makes it: a raw clone of this one, which has threads, could wait for a lock for ever."""
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = (
        f"import sys; sys.path.insert(0, {folder!r})\n"
        "from farm.kernel import process\n"
        "process.unshare(process.CLONE_NEWUSER)\n"
        "sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, cwd="/"
    ) as child:
        assert child.stdout is not None
        if not child.stdout.read(1):
            raise KernelError("unshare", 1, ("CLONE_NEWUSER",), "look above for what it said")
        for name, text in (("uid_map", uid_map), ("gid_map", gid_map)):
            _write(f"/proc/{child.pid}/{name}", text)
        return os.open(f"/proc/{child.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise KernelError("write", error.errno or 0, (path, text.strip().replace("\n", "; "))) from error
    finally:
        os.close(fd)
