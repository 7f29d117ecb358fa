"""Managers of every kind this host can have, and processes to put into their groups."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from farm.cgroup import detect, hierarchy
from farm.cgroup.base import Group, Manager
from farm.cgroup.hybrid import HybridManager
from farm.cgroup.v1 import V1Manager
from farm.cgroup.v2 import V2Manager
from farm.kernel import proc, process


class Inmate:
    """A Python process in a control group; what it prints comes out of ``line``."""

    def __init__(self, group: Group, code: str) -> None:
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        self.pid, self._pidfd = process.clone3(0, exit_signal=signal.SIGCHLD, cgroup_fd=group.v2_fd)
        if self.pid == 0:
            try:
                for path in group.task_files():
                    with open(path, "w") as file:
                        file.write("0")
                os.dup2(write_fd, 1)
                os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", code])
            finally:
                os._exit(99)
        os.close(write_fd)
        self._output = os.fdopen(read_fd, encoding="utf-8")
        self.status: int | None = None

    def line(self) -> str:
        """The next line it prints; empty when it ended without one."""
        return self._output.readline().strip()

    def wait(self) -> int:
        """Its wait status."""
        if self.status is None:
            self.status = os.waitpid(self.pid, 0)[1]
        return self.status

    def wait_stopped(self) -> None:
        """Return when it has stopped itself."""
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def close(self) -> None:
        """Kill and reap it."""
        if self.status is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self.wait()
        os.close(self._pidfd)
        self._output.close()


@pytest.fixture
def put() -> Iterator[Callable[[Group, str], Inmate]]:
    """Start a Python process with the given code in a group; killed and reaped at the end."""
    inmates: list[Inmate] = []

    def start(group: Group, code: str) -> Inmate:
        inmates.append(Inmate(group, code))
        return inmates[-1]

    yield start
    for inmate in inmates:
        inmate.close()


@pytest.fixture
def run_name() -> str:
    """Name for a run that nobody else uses."""
    return f"farm/test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["as found", "hybrid"])
def manager(request: pytest.FixtureRequest, run_name: str) -> Iterator[Manager]:
    """A manager as the farm would open it; and, where the host has both kinds of hierarchy, one that uses both."""
    made = detect.open_hierarchies(run_name) if request.param == "as found" else _hybrid(run_name)
    yield made
    made.close()


def _hybrid(name: str) -> Manager:
    """v1 for the quotas, the unified hierarchy for the rest, though that may have no controller here."""
    found = hierarchy.split(hierarchy.layout(proc.mounts()), frozenset({"cpu"}))
    if not found.v1 or not found.v2:
        pytest.skip("needs a host with cgroup v1 and v2 hierarchies")
    return HybridManager(V1Manager(found.v1, root="", name=name), V2Manager(found.v2, root="", name=name))


@pytest.fixture
def directory() -> Callable[[Group, str], str]:
    """The directory that has a file of the given name, of those that a group consists of."""

    def find(group: Group, file: str) -> str:
        for path in directories(group):
            if os.path.exists(f"{path}/{file}"):
                return path
        pytest.skip(f"needs {file} in a control group")

    return find


def directories(group: Group) -> list[str]:
    """Every directory that ``group`` consists of."""
    paths = [source for source, _ in group.view_sources() if source.startswith("/")]
    return paths + ([os.readlink(f"/proc/self/fd/{group.v2_fd}")] if group.v2_fd >= 0 else [])


@pytest.fixture
def directories_of() -> Callable[[Group], list[str]]:
    """Every directory that a group consists of."""
    return directories


@pytest.fixture
def eventually(slowdown: float) -> Callable[[Callable[[], bool]], None]:
    """Wait until a condition holds, for what the kernel does in its own time and tells nobody."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 5 * slowdown
        while not condition():
            assert time.monotonic() < deadline_s, "it never came true"
            select.select([], [], [], 0.005)

    return wait


@pytest.fixture
def reap_orphans(eventually: Callable[[Callable[[], bool]], None]) -> Callable[[Group], None]:
    """Play PID 1: reap what the killed inmates of a group left, until it has no process."""

    def reap(group: Group) -> None:
        def none_left() -> bool:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                pass  # there was none
            return not group.pids()

        eventually(none_left)

    return reap
