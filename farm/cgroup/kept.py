"""The small files of a group that is used again and again: opened once, read from their beginning each time.

A read with a descriptor that is there already is one call in place of three, and looks up no path. The kernel makes the
text of such a file anew whenever it is read from offset 0 (fs/kernfs/file.c, fs/seq_file.c). Descriptors are few where
thousands of groups are there at once, so those of all groups of a manager have one allowance: what is past it is
opened, read and closed as in ``farm.cgroup.files``. Groups that are made first have theirs; where two dozen are enough
that is all.
"""

from __future__ import annotations

import os
import resource

from farm.cgroup import files, members
from farm.errors import KernelError

_READ_BYTES = 4096
_WHOLE_BYTES = 4000  # seq files hand out about a page at a time: more than this may not be all
_MOST = 192


def allowance(soft_limit: int) -> int:
    """How many descriptors the groups of a manager may keep where a process may have ``soft_limit``."""
    return _MOST if soft_limit == resource.RLIM_INFINITY else min(_MOST, soft_limit // 8)


class Allowance:
    """How many descriptors the groups of one manager may still keep, of what this process may have now."""

    __slots__ = ("_holders", "left")

    def __init__(self) -> None:
        self.left = allowance(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._holders: set[KeptFiles] = set()

    def holds(self, holder: KeptFiles, *, some: bool) -> None:
        """``holder`` keeps some from now on, or none any more."""
        if some:
            self._holders.add(holder)
        else:
            self._holders.discard(holder)

    def close(self) -> None:
        """Close all that is kept, and let nobody keep more; may be called twice."""
        for holder in tuple(self._holders):
            holder.close()
        self.left = 0


class KeptFiles:
    """Reads and writes files of one group, as ``farm.cgroup.files`` does. Owns the descriptors until ``close``."""

    __slots__ = ("_allowance", "_readers", "_writers")

    def __init__(self, given: Allowance) -> None:
        self._allowance = given
        self._readers: dict[str, int] = {}
        self._writers: dict[str, int] = {}

    def read(self, path: str) -> str:
        """See ``files.read``."""
        fd = self._fd(self._readers, path, os.O_RDONLY)
        if fd < 0:
            return files.read(path)
        try:
            data = os.pread(fd, _READ_BYTES, 0)
        except OSError as error:
            raise KernelError("read", error.errno or 0, (path,)) from error
        return data.decode() if len(data) <= _WHOLE_BYTES else files.read(path)

    def write(self, path: str, value: str) -> None:
        """See ``files.write``."""
        fd = self._fd(self._writers, path, os.O_WRONLY)
        if fd < 0:
            files.write(path, value)
            return
        try:
            os.pwrite(fd, value.encode(), 0)
        except OSError as error:
            raise KernelError("write", error.errno or 0, (path, value)) from error

    def has_subgroups(self, path: str) -> bool:
        """See ``members.has_subgroups``, of the group at ``path`` itself."""
        fd = self._fd(self._readers, path, os.O_RDONLY | os.O_DIRECTORY)
        return members.has_subgroups(path if fd < 0 else fd)

    def close(self) -> None:
        """The group is gone, or nobody reads it any more; may be called twice."""
        for fds in (self._readers, self._writers):
            for fd in fds.values():
                os.close(fd)
            self._allowance.left += len(fds)
            fds.clear()
        self._allowance.holds(self, some=False)

    def _fd(self, fds: dict[str, int], path: str, flags: int) -> int:
        """The descriptor that is kept of ``path``, or -1 where there is none to spare."""
        fd = fds.get(path, -1)
        if fd < 0 and self._allowance.left > 0:
            try:
                fd = os.open(path, flags | os.O_CLOEXEC)
            except OSError as error:
                raise KernelError("open", error.errno or 0, (path,)) from error
            fds[path] = fd
            self._allowance.left -= 1
            self._allowance.holds(self, some=True)
        return fd
