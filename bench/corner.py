"""The corner of the host that measurements happen in, so that nothing of any tool is left when they end, however they end.

    the process one starts         makes the scratch folder and removes it in the end
      `-- process 1 of the corner  in a pid and a mount namespace; reaps orphans, removes control groups in the end
            `-- the measurements   with a /proc and a /run of their own

Whatever the measured tools start lives in that pid namespace and ends with its process 1, which ends with the process that
one started, by SIGKILL too; what they mount goes with the mount namespace. What SIGKILL leaves, a folder and groups that
are empty, the next one removes. Ctrl-C reaches the measurements as one KeyboardInterrupt, through the two others.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from farm.cgroup import folder
from farm.kernel import mount as m
from farm.kernel import proc, process

_NAME = "farm-corner-"
_PODMAN = "/var/lib/containers"  # where it writes, whatever it is told
_PATIENCE_S = 10.0
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Corner:
    """Where things are kept, removed in the end, and the control group of other tools, as ``/name``.

    Theirs are below it, or beside it with names that begin like it.
    """

    scratch: str
    cgroup: str


def inside(measure: Callable[[Corner], int]) -> int:
    """The exit status of ``measure``, which is called in a process of its own in a new corner; 130 after Ctrl-C."""
    had_podman = os.path.isdir(_PODMAN)
    with _own() as corner:
        try:
            return _started(measure, corner)
        finally:
            shutil.rmtree(corner.scratch)
            # Removing what another corner has mounted on would take the mount away there.
            if not had_podman and os.path.isdir(_PODMAN) and not _folders():
                os.rmdir(_PODMAN)


@contextlib.contextmanager
def _own() -> Iterator[Corner]:
    """A new folder, locked, and the group of the same name."""
    for number in itertools.count():
        name = f"{_NAME}{os.getpid()}-{number}"
        scratch = os.path.join(tempfile.gettempdir(), name)
        try:
            os.mkdir(scratch, 0o700)
        except FileExistsError:
            continue
        with _locked(scratch) as is_ours:
            if is_ours:
                yield Corner(scratch, f"/{name}")
                return


@contextlib.contextmanager
def _locked(path: str) -> Iterator[bool]:
    """Whether nobody else holds the lock of the folder, or has removed it; it is ours while the block runs."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.exists(path) and os.path.samestat(os.fstat(fd), os.stat(path))
    except BlockingIOError:
        is_ours = False
    try:
        yield is_ours
    finally:
        os.close(fd)


def _started(measure: Callable[[Corner], int], corner: Corner) -> int:
    process.unshare(process.CLONE_NEWPID)  # for children: this process stays outside
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)  # until there is somebody to hand them on to
    pid = _fork(lambda: _first(measure, corner))
    previous = {signum: signal.signal(signum, lambda *_: os.kill(pid, signal.SIGTERM)) for signum in _FORWARDED}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def _first(measure: Callable[[Corner], int], corner: Corner) -> int:
    """Process 1: its end is the end of all."""
    process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()  # the terminal's Ctrl-C is for the process outside alone, who passes it on once
    _furnish(corner)
    _sweep()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    child = _fork(lambda: _measured(measure, corner))
    for signum in _FORWARDED:
        signal.signal(signum, lambda *_: os.kill(child, signal.SIGINT))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    pid, status = 0, 0
    while pid != child:
        pid, status = os.waitpid(-1, 0)
    for signum in _FORWARDED:
        signal.signal(signum, signal.SIG_IGN)
    _empty(corner)
    return os.waitstatus_to_exitcode(status)


def _measured(measure: Callable[[Corner], int], corner: Corner) -> int:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    return measure(corner)


def _empty(corner: Corner) -> None:
    """End everybody else in here, and remove the control groups, also those in a hierarchy that is seen from here only."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    _remove_groups(corner.cgroup)


def _sweep() -> None:
    """Remove what SIGKILL left of an earlier one: a folder that nobody holds the lock of, and the groups of its name."""
    for scratch in _folders():
        with _locked(scratch) as is_ours:
            if is_ours:
                _remove_groups(f"/{os.path.basename(scratch)}")
                shutil.rmtree(scratch)


def _folders() -> list[str]:
    """Those of all corners of this host."""
    return glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), f"{_NAME}*"))


def _remove_groups(cgroup: str) -> None:
    for each in proc.mounts():
        for path in _groups(each, cgroup):
            if not folder.remove_tree(path, deadline_s=time.monotonic() + _PATIENCE_S):
                print(f"cannot be removed: {path}", file=sys.stderr)


def _groups(mount: proc.Mount, cgroup: str) -> list[str]:
    """Paths of the groups whose name begins with that of ``cgroup``, in the hierarchy that is mounted there."""
    return glob.glob(f"{glob.escape(mount.mount_point + cgroup)}*/") if mount.fstype in ("cgroup", "cgroup2") else []


def _fork(body: Callable[[], int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = body()
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001  # the parent's code goes on above, in the parent
        traceback.print_exc()
    finally:
        os._exit(code & 0xFF)


def _furnish(corner: Corner) -> None:
    """Mounts that nobody outside sees."""
    process.unshare(process.CLONE_NEWNS)
    m.mount("", "/", flags=m.MS_REC | m.MS_PRIVATE)
    m.mount("proc", "/proc", "proc", m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC)
    m.mount("farm-bench", "/run", "tmpfs", m.MS_NOSUID | m.MS_NODEV, "mode=755")
    os.makedirs(_PODMAN, exist_ok=True)
    m.mount("farm-bench", _PODMAN, "tmpfs", m.MS_NOSUID | m.MS_NODEV, "mode=711")
    _agree_with_crun(corner.scratch)


def _agree_with_crun(scratch: str) -> None:
    """Let cgroup v2 have no controller where v1 is there too.

    Beside v1 crun refuses to run while v2 has a controller of its own ("cgroups in hybrid mode not supported, drop all
    controllers from cgroupv2"). A controller belongs to v1 as long as it is mounted there.
    """
    mounts = proc.mounts()
    v2 = next((each.mount_point for each in mounts if each.fstype == "cgroup2"), "")
    if not v2 or not any(each.fstype == "cgroup" for each in mounts):
        return
    with open(f"{v2}/cgroup.controllers", encoding="ascii") as file:
        controllers = file.read().split()
    for controller in controllers:
        point = f"{scratch}/cgroup-{controller}"
        os.mkdir(point)
        with contextlib.suppress(OSError):  # what comes of it crun says itself
            m.mount("cgroup", point, "cgroup", data=controller)
