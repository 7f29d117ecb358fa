"""Looking into a tree that nobody trusts: every path resolves inside it, nothing blocks, nothing raises."""

from __future__ import annotations

import os
import stat
from types import TracebackType

from farm.errors import KernelError
from farm.kernel.files import openat2


class Tree:
    """The tree at ``top``, a context manager. A path that cannot be looked at is as one that is not there."""

    def __init__(self, top: str) -> None:
        self._root = os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Tree:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._root)

    def read(self, path: str, most: int = 1 << 16) -> bytes:
        """The first ``most`` bytes of the regular file at ``path``."""
        fd = self._open(path, os.O_RDONLY | os.O_NONBLOCK)
        if fd is None:
            return b""
        try:
            return os.read(fd, most) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
        except OSError:
            return b""
        finally:
            os.close(fd)

    def text(self, path: str) -> str:
        """The beginning of a file that should be text."""
        return self.read(path).decode(errors="replace")

    def names(self, path: str) -> list[str]:
        """What is in the folder ``path``, sorted."""
        fd = self._open(path, os.O_RDONLY | os.O_DIRECTORY)
        if fd is None:
            return []
        try:
            return sorted(os.listdir(fd))
        except OSError:
            return []
        finally:
            os.close(fd)

    def is_file(self, path: str) -> bool:
        """Whether ``path`` is a file, or leads to one."""
        fd = self._open(path, os.O_PATH)
        if fd is None:
            return False
        try:
            return stat.S_ISREG(os.fstat(fd).st_mode)
        finally:
            os.close(fd)

    def program(self, path: str) -> str:
        """The name of the file that ``path`` leads to through its links, empty for none."""
        fd = self._open(path, os.O_PATH)
        if fd is None:
            return ""
        try:
            regular = stat.S_ISREG(os.fstat(fd).st_mode)
            return os.path.basename(os.readlink(f"/proc/self/fd/{fd}")) if regular else ""
        except OSError:
            return ""
        finally:
            os.close(fd)

    def _open(self, path: str, flags: int) -> int | None:
        try:
            return openat2(self._root, path, flags)
        except (KernelError, ValueError):
            return None
