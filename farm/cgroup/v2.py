"""Control groups v2: one directory a container in the unified hierarchy; files as in admin-guide/cgroup-v2.

A group is used again only where its peak memory can be set back: since Linux 6.12 a write to memory.peak does so for
the descriptor written to, so each group keeps that one open. On older kernels every container gets a new group, which
costs one mkdir, four writes and one rmdir. (Where there is no memory.peak at all there is nothing to set back.)

A group that was killed by cgroup.kill is never used again: on recent kernels (seen on 6.18) whatever is born into it
with CLONE_INTO_CGROUP later gets SIGKILL at once. It looks as if the count of kills by which the kernel catches forks
that race with a kill (``kill_seq``) was compared with that of the parent's group.
"""

from __future__ import annotations

import errno
import os

from farm.cgroup import counters, files, folder, members, v2_settings
from farm.cgroup.base import LEFTOVER_BYTES, Group
from farm.cgroup.kept import Allowance, KeptFiles
from farm.cgroup.pool import Pool
from farm.errors import KernelError
from farm.kernel.proc import parse_keyed
from farm.model.limits import Limits, Usage


class V2Group:
    """A container's directory. Owns its descriptor, and where it is used again that of memory.peak and ``KeptFiles``."""

    __slots__ = (
        "_before",
        "_files",
        "_frozen",
        "_kept",
        "_path",
        "_peak_fd",
        "_set",
        "_stale",
        "limits",
        "reusable",
        "v2_fd",
    )

    def __init__(self, path: str, present: frozenset[str], given: Allowance, *, peak_resets: bool) -> None:
        self._path = path
        self._kept = KeptFiles(given)
        self._files = present
        self._set: dict[str, str] = {}
        self._stale = True
        self._frozen = False
        self._peak_fd = -1
        self._before = Usage()
        self.limits = Limits()
        self.reusable = peak_resets or "memory.peak" not in present
        files.mkdir(path)
        self.v2_fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if peak_resets:
            self._peak_fd = os.open(f"{path}/memory.peak", os.O_RDWR | os.O_CLOEXEC)

    def apply(self, limits: Limits) -> None:
        """Write the limits that differ from what the group has."""
        if limits == self.limits and not self._stale:
            return
        self.limits, self._stale = limits, True
        for file, value in v2_settings.changes(self._set, limits, self._files):
            self._set.pop(file, None)  # unknown, should the write fail
            files.write(f"{self._path}/{file}", value)
            self._set[file] = value
        self._stale = False

    def task_files(self) -> tuple[str, ...]:
        """See ``Group.task_files``."""
        return ()

    def view_sources(self) -> tuple[tuple[str, str], ...]:
        """See ``Group.view_sources``."""
        return ()

    def freeze(self, *, frozen: bool) -> None:
        """See ``Group.freeze``."""
        self._frozen = frozen
        files.write(f"{self._path}/cgroup.freeze", "1" if frozen else "0")

    def kill(self) -> None:
        """See ``Group.kill``. Before Linux 5.14, which has cgroup.kill, all are frozen first so that none can fork."""
        if "cgroup.kill" in self._files:
            files.write(f"{self._path}/cgroup.kill", "1")
            self.reusable = False
        else:
            self.freeze(frozen=True)
            members.kill_all(self._path)
        if self._frozen:
            self.freeze(frozen=False)

    def usage(self) -> Usage:
        """See ``Group.usage``."""
        return counters.since(self._before, self._read())

    def memory_bytes(self) -> int | None:
        """See ``Group.memory_bytes``."""
        return int(files.read(f"{self._path}/memory.current")) if "memory.current" in self._files else None

    def pids(self) -> tuple[int, ...]:
        """See ``Group.pids``."""
        return members.pids(self._path)

    def reset(self) -> bool:
        """See ``Pooled.reset``."""
        if "populated 0\n" not in self._kept.read(f"{self._path}/cgroup.events") or members.has_subgroups(self.v2_fd):
            return False
        if "memory.current" in self._files and int(self._kept.read(f"{self._path}/memory.current")) > LEFTOVER_BYTES:
            return False
        if self._peak_fd >= 0:
            os.write(self._peak_fd, b"reset")
        if self._frozen:
            self.freeze(frozen=False)
        self._before = self._read()
        return True

    def remove(self) -> bool:
        """See ``Pooled.remove``; closes the descriptors when the group is gone."""
        if not folder.remove_tree(self._path, deadline_s=0.0):
            return False
        self.let_go()
        return True

    def let_go(self) -> None:
        """Close the descriptors; may be called twice."""
        self._kept.close()
        for fd in (self.v2_fd, self._peak_fd):
            if fd >= 0:
                os.close(fd)
        self.v2_fd = self._peak_fd = -1

    def _read(self) -> Usage:
        """The counters as they stand."""
        path = self._path
        read = self._kept.read if self.reusable else files.read
        cpu = parse_keyed(read(f"{path}/cpu.stat"))
        memory = parse_keyed(read(f"{path}/memory.events")) if "memory.events" in self._files else {}
        pids = parse_keyed(read(f"{path}/pids.events")) if "pids.events" in self._files else {}
        throttled_us = cpu.get("throttled_usec")
        return Usage(
            cpu_s=cpu["usage_usec"] / 1e6,
            memory_peak_bytes=self._peak(),
            throttled_s=throttled_us / 1e6 if throttled_us is not None else None,
            throttled_periods=cpu.get("nr_throttled"),
            oom_kills=memory.get("oom_kill"),
            pids_refused=pids.get("max"),
            limit_hits=memory.get("oom"),
        )

    def _peak(self) -> int | None:
        if self._peak_fd >= 0:
            return int(os.pread(self._peak_fd, 32, 0))
        return int(files.read(f"{self._path}/memory.peak")) if "memory.peak" in self._files else None


class V2Manager:
    """The groups of one run in the unified hierarchy at ``path``; see ``Manager``."""

    __slots__ = ("_allowance", "_files", "_folder", "_groups", "_groups_made", "_peak_resets", "_pool", "lacks")

    mode = "v2"

    def __init__(self, path: str, *, root: str, name: str) -> None:
        parent, _, run = name.rpartition("/")
        self._groups: list[V2Group] = []
        self._folder: folder.RunFolder | None = folder.own(f"{path}{root}/{parent}", run)
        try:
            for level in (f"{path}{root}", f"{path}{root}/{parent}", self._folder.path):
                _hand_down(level)
            self._files = _files_below(self._folder.path)
        except OSError:
            self.close()
            raise
        self._peak_resets = _peak_resets(f"{self._folder.path}/memory.peak")
        self._groups_made = 0
        self._allowance = Allowance()
        self._pool = Pool(self._make)
        self.lacks = v2_settings.lacks(self._files)

    @property
    def missing(self) -> tuple[str, ...]:
        """See ``Manager.missing``."""
        return tuple(self.lacks.values())

    def acquire(self, limits: Limits) -> V2Group:
        """See ``Manager.acquire``."""
        return self._pool.acquire(limits)

    def release(self, group: Group) -> None:
        """See ``Manager.release``."""
        if not isinstance(group, V2Group):
            raise TypeError(f"not a group of this manager: {group!r}")
        self._pool.release(group, group.limits)

    def sweep(self) -> None:
        """See ``Manager.sweep``."""
        self._pool.sweep()

    def close(self) -> None:
        """See ``Manager.close``."""
        owned, self._folder = self._folder, None
        if owned is not None:
            folder.close_all((owned,))
        for group in self._groups:
            group.let_go()

    def _make(self) -> V2Group:
        assert self._folder is not None, "closed"
        self._groups_made += 1
        path = f"{self._folder.path}/{folder.group_name(self._groups_made)}"
        group = V2Group(path, self._files, self._allowance, peak_resets=self._peak_resets)
        self._groups = [*(each for each in self._groups if each.v2_fd >= 0), group]
        return group


def _hand_down(path: str) -> None:
    """Let the groups below ``path`` have each of our controllers that it has itself.

    A controller that it cannot hand down is passed over, and missed later. Raises ``KernelError`` (EBUSY) where
    processes sit in the group itself, which is then not the real root.
    """
    available = files.read(f"{path}/cgroup.controllers").split()
    enabled = files.read(f"{path}/cgroup.subtree_control").split()
    for controller in v2_settings.CONTROLLERS:
        if controller not in available or controller in enabled:
            continue
        try:
            files.write(f"{path}/cgroup.subtree_control", f"+{controller}")
        except KernelError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT, errno.EOPNOTSUPP):
                continue
            if error.errno == errno.EBUSY:
                raise KernelError(error.call, errno.EBUSY, error.arguments, _busy_hint(path)) from error
            raise


def _busy_hint(path: str) -> str:
    return (
        f"processes sit in {path} itself, so it cannot hand controllers down: move them into a group below it, or "
        "start the farm where it has a hierarchy to itself (systemd-run --scope -p Delegate=yes, or the host's own root)"
    )


def _files_below(path: str) -> frozenset[str]:
    """Files that a group made below ``path`` has, found by making one."""
    probe = f"{path}/{folder.group_name(0)}"
    files.mkdir(probe)
    try:
        return frozenset(os.listdir(probe))
    finally:
        files.rmdir(probe)


def _peak_resets(path: str) -> bool:
    """memory.peak at ``path`` can be written (Linux 6.12)."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.write(fd, b"reset") > 0
    except OSError:
        return False
    finally:
        os.close(fd)
