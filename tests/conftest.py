"""What every test may ask for: privilege and root filesystems, skipped by name where absent, and a host left as it was.

Environment: ``FARM_TEST_ROOTFS`` is a folder of real root filesystems (default ``../shared/rootfs`` from the project's
root); ``FARM_TEST_SLOWDOWN`` is how many times slower than a real one this machine is, as in the emulated one of
``tests/vm``; ``CI=true`` makes it a failure to skip the whole of the kernel suite.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from farm.cgroup import folder, hierarchy, v2_settings
from farm.kernel import capability, mount, proc, process

_KERNEL_SUITE = "tests/kernel/"
_MS_SHARED = 1 << 20
_LAG_S = 10.0

_ran_in_kernel_suite = pytest.StashKey[dict[str, int]]()


# Capabilities of the machine


@pytest.fixture(scope="session")
def slowdown() -> float:
    """What to multiply the limit of a wait by: 1 on a real machine, more in the emulated one."""
    return float(os.environ.get("FARM_TEST_SLOWDOWN") or 1)


@pytest.fixture(scope="session")
def rootfs_dir() -> Path:
    """The folder of real root filesystems."""
    found = _rootfs_dir()
    if not found.is_dir():
        pytest.skip(f"needs real root filesystems: no folder {found}, set FARM_TEST_ROOTFS")
    return found


@pytest.fixture(scope="session")
def mirror() -> None:
    """Skip by name where Debian's mirror is not reached, or by a host that could not use it."""
    if shutil.which("apt-get") is None:
        pytest.skip("needs a host with apt-get")
    with contextlib.suppress(OSError), socket.create_connection(("deb.debian.org", 80), timeout=10):
        return
    pytest.skip("needs Debian's mirror")


@pytest.hookimpl(tryfirst=True)  # before the fixtures, which may need what is missing
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") and not capability.effective() & capability.mask({"SYS_ADMIN"}):
        pytest.skip("needs root with CAP_SYS_ADMIN")
    if item.get_closest_marker("rootfs") and not _rootfs_dir().is_dir():
        pytest.skip(f"needs real root filesystems: no folder {_rootfs_dir()}, set FARM_TEST_ROOTFS")
    if item.get_closest_marker("slow_in_vm") and float(os.environ.get("FARM_TEST_SLOWDOWN") or 1) > 1:
        pytest.skip("needs a machine of full speed, this one is emulated")


def _rootfs_dir() -> Path:
    default = Path(__file__).parent.parent.parent / "shared" / "rootfs"
    return Path(os.environ.get("FARM_TEST_ROOTFS") or default)


# A kernel suite that skipped whole has tested nothing


def pytest_configure(config: pytest.Config) -> None:
    # What we ignore, what we start ignores: under nohup no test of SIGHUP could pass.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.stash[_ran_in_kernel_suite] = {"passed or failed": 0, "skipped": 0}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.nodeid.startswith(_KERNEL_SUITE):
        counts = item.config.stash[_ran_in_kernel_suite]
        if report.skipped:
            counts["skipped"] += 1
        elif report.when == "call":
            counts["passed or failed"] += 1
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped_whole(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _skipped_whole(config):
        terminalreporter.write_line("the whole kernel suite was skipped: under CI=true that is a failure", red=True)


def _skipped_whole(config: pytest.Config) -> bool:
    counts = config.stash[_ran_in_kernel_suite]
    return os.environ.get("CI") == "true" and counts["skipped"] > 0 and counts["passed or failed"] == 0


# The host is left as it was


@dataclass(frozen=True, slots=True)
class Traces:
    """What a container could leave behind, as far as it can be ours; each a set of descriptions."""

    mounts: frozenset[str]
    cgroups: frozenset[str]
    network_namespaces: frozenset[str]
    processes: frozenset[str]

    def beyond(self, before: Traces) -> list[str]:
        """What is here and was not ``before``."""
        return sorted(
            (self.mounts - before.mounts)
            | (self.cgroups - before.cgroups)
            | (self.network_namespaces - before.network_namespaces)
            | (self.processes - before.processes)
        )


@pytest.fixture(scope="session")
def own_corner() -> Iterator[None]:
    """Give this process its own copy of the host's mounts, and make orphans of its descendants its children.

    So what is found after a test is ours, whatever else goes on on this machine. The copy's mounts are shared among
    themselves, as on a host with systemd: a container that forgets to make its own private is found out.
    """
    process.prctl(process.PR_SET_CHILD_SUBREAPER, 1)
    with contextlib.ExitStack() as groups:
        if capability.effective() & capability.mask({"SYS_ADMIN"}):
            process.unshare(process.CLONE_NEWNS)
            mount.mount("none", "/", "", mount.MS_REC | mount.MS_PRIVATE)
            if "PYTEST_XDIST_WORKER" in os.environ:
                found = hierarchy.layout(proc.mounts())
                for top in (*(each.path for each in found.v1), *([found.v2] if found.v2 else [])):
                    groups.enter_context(_own_groups(top))
            mount.mount("none", "/", "", mount.MS_REC | _MS_SHARED)
        yield


@contextlib.contextmanager
def _own_groups(top: str) -> Iterator[None]:
    """A group of this process is all that it and its descendants see of the hierarchy at ``top``.

    Every farm removes what dead ones left: a neighbour's would take away what a test left and is to be told of, and
    what a neighbour's left would be found here.
    """
    name = f"farm-tests-{os.getpid()}"
    whole = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # v1 has no such files; what v2 cannot hand down, a farm finds missing
            for controller in set(Path(top, "cgroup.controllers").read_text().split()) & set(v2_settings.CONTROLLERS):
                Path(top, "cgroup.subtree_control").write_text(f"+{controller}")  # as any farm does
        os.mkdir(name, dir_fd=whole)
        own = mount.open_tree(f"{top}/{name}")
        mount.umount2(top, mount.MNT_DETACH)
        mount.move_mount(own, top)
        os.close(own)
        yield
    finally:
        # With what a test left that failed, and was told of.
        folder.remove_tree(f"/proc/self/fd/{whole}/{name}", deadline_s=time.monotonic() + _LAG_S)
        os.close(whole)


@pytest.fixture
def nothing_left(own_corner: None, slowdown: float) -> Iterator[None]:
    """Fail a test that leaves a mount, a control group, a network namespace or a process behind."""
    with leaving_nothing(slowdown):
        yield


@contextlib.contextmanager
def leaving_nothing(slowdown: float) -> Iterator[None]:
    """What ``nothing_left`` holds a test to, for what is done once for several tests."""
    before = _traces()
    yield
    deadline_s = time.monotonic() + _LAG_S * slowdown
    left = _traces().beyond(before)
    while left and time.monotonic() < deadline_s:
        time.sleep(0.01)  # not for readiness: the kernel tears namespaces and groups down in its own time
        left = _traces().beyond(before)
    assert not left, "left behind:\n" + "\n".join(left)


def _traces() -> Traces:
    children = _living_children()
    return Traces(
        mounts=frozenset(f"mount {each.mount_id} on {each.mount_point} ({each.fstype})" for each in proc.mounts()),
        cgroups=frozenset(f"cgroup {path}" for path in _farm_cgroups()),
        network_namespaces=frozenset(_network_namespaces(children)),
        processes=frozenset(f"process {child.pid} {_command(child)}" for child in children),
    )


def _living_children() -> list[psutil.Process]:
    """Descendants that have not ended; those that have and whose parent died are reaped, as init would."""
    living = []
    for child in psutil.Process().children(recursive=True):
        try:
            if child.status() != psutil.STATUS_ZOMBIE:
                living.append(child)
            elif child.ppid() == os.getpid():
                os.waitpid(child.pid, os.WNOHANG)
        except (psutil.NoSuchProcess, ChildProcessError):
            pass  # it ended meanwhile
    return living


def _command(child: psutil.Process) -> str:
    try:
        return " ".join(child.cmdline()) or child.name()
    except psutil.NoSuchProcess:
        return "(gone)"


def _network_namespaces(children: list[psutil.Process]) -> Iterator[str]:
    """Those of descendants and those this process holds open; bound ones are mounts."""
    links = [f"/proc/{child.pid}/ns/net" for child in children] + glob.glob("/proc/self/fd/*")
    for link in links:
        try:
            target = os.readlink(link)
        except OSError:
            continue  # it ended or was closed meanwhile
        if target.startswith("net:["):
            yield f"network namespace {target}"


def _farm_cgroups() -> Iterator[str]:
    """Folders of runs in every hierarchy, but for those that another live process holds the lock of."""
    ours = {os.path.realpath(link) for link in glob.glob("/proc/self/fd/*")}
    for each in proc.mounts():
        if each.fstype in ("cgroup", "cgroup2"):
            for path in glob.glob(f"{glob.escape(each.mount_point)}/farm/*/"):
                if path.rstrip("/") in ours or not _is_locked(path):
                    yield path


def _is_locked(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
