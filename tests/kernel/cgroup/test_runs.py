"""Whose folder it is: dead runs are removed, live ones and those of others let be."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest

from farm.cgroup import detect, files, hierarchy
from farm.errors import KernelError
from farm.kernel import proc
from farm.model.limits import Limits

_HOLDER = """
import os, signal, sys
sys.path.insert(0, {path!r})
from farm.cgroup import detect
from farm.kernel import process
from farm.model.limits import Limits
manager = detect.open_hierarchies({name!r})
group = manager.acquire(Limits())
pid, _ = process.clone3(0, exit_signal=signal.SIGCHLD, cgroup_fd=group.v2_fd)
if pid == 0:
    for path in group.task_files():
        with open(path, "w") as file:
            file.write("0")
    # As a container does first of all, or it would hold the lock of the run.
    process.close_range(3)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    while True:
        signal.pause()
signal.pause()
"""


@pytest.fixture
def dead_run(run_name):
    """A run whose owner was killed while a process was in its group: ``(name, pid of that process)``."""
    code = _HOLDER.format(path=os.path.dirname(os.path.dirname(detect.__file__)) + "/..", name=run_name)
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        holder.kill()
    return run_name, pid


def _folders(name):
    found = hierarchy.layout(proc.mounts())
    tops = [each.path for each in found.v1] + ([found.v2] if found.v2 else [])
    return [f"{top}/{name}" for top in tops if os.path.isdir(f"{top}/{name}")]


def test_C01_what_a_dead_run_left_is_killed_and_removed(dead_run, slowdown):
    name, pid = dead_run
    folders = _folders(name)
    assert folders
    os.kill(pid, 0)
    swept = detect.sweep_dead(timeout_s=5 * slowdown)
    assert set(folders) <= set(swept.removed)
    assert swept.kept == ()
    assert _folders(name) == []
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def test_C01_groups_made_inside_a_dead_run_are_removed_too(dead_run, slowdown):
    name, pid = dead_run
    for folder in _folders(name):
        for group in [entry.path for entry in os.scandir(folder) if entry.is_dir()]:
            os.makedirs(f"{group}/one/two")
    detect.sweep_dead(timeout_s=5 * slowdown)
    assert _folders(name) == []
    os.waitpid(pid, 0)


def test_C16_a_live_run_is_let_be_while_a_dead_one_is_removed(dead_run, put, slowdown):
    name, pid = dead_run
    live = detect.open_hierarchies(f"{name}-live")
    try:
        group = live.acquire(Limits())
        inmate = put(group, "print('ready', flush=True)\nwhile True: pass")
        assert inmate.line() == "ready"
        detect.sweep_dead(timeout_s=5 * slowdown)
        assert _folders(name) == []
        assert _folders(f"{name}-live")
        assert group.pids() == (inmate.pid,)
    finally:
        live.close()
    os.waitpid(pid, 0)


def test_C16_two_runs_at_once_do_not_touch_each_other(run_name, put):
    one, two = detect.open_hierarchies(f"{run_name}-1"), detect.open_hierarchies(f"{run_name}-2")
    try:
        mine, other = one.acquire(Limits(pids=10)), two.acquire(Limits(pids=20))
        inmate = put(other, "import signal; print('ready', flush=True); signal.pause()")
        assert inmate.line() == "ready"
        mine.kill()
        one.release(mine)
        one.close()
        assert other.pids() == (inmate.pid,)
        assert put(two.acquire(Limits()), "pass").wait() == 0
    finally:
        one.close()
        two.close()
    assert os.WTERMSIG(inmate.wait()) == signal.SIGKILL
    assert _folders(f"{run_name}-1") == _folders(f"{run_name}-2") == []


def test_a_name_in_use_is_refused(manager, run_name):
    with pytest.raises(KernelError) as caught:
        detect.open_hierarchies(run_name)
    assert caught.value.errno == errno.EEXIST
    assert run_name in str(caught.value)
    assert put_and_read(manager) is not None, "the refused one took the other's folder away"


def put_and_read(manager):
    group = manager.acquire(Limits())
    return group.usage().oom_kills


def test_close_kills_and_removes_everything_and_may_come_twice(manager, put, run_name):
    inmate = put(manager.acquire(Limits()), "import signal; print('ready', flush=True); signal.pause()")
    assert inmate.line() == "ready"
    manager.close()
    assert _folders(run_name) == []
    assert os.WTERMSIG(inmate.wait()) == signal.SIGKILL
    manager.close()


def test_close_closes_what_is_open_of_groups_in_use_and_of_free_ones(manager):
    before = set(os.listdir("/proc/self/fd"))
    _, free = manager.acquire(Limits()), manager.acquire(Limits(pids=7))
    manager.release(free)
    manager.close()
    assert set(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("made", ["a group with a process", "a group with groups of other names"])
def test_groups_that_the_farm_did_not_make_are_let_be(made, run_name, slowdown):
    found = hierarchy.layout(proc.mounts())
    top = found.v1[0].path if found.v1 else found.v2
    path = f"{top}/{run_name}"
    os.makedirs(path)
    try:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
            if made == "a group with a process":
                with open(f"{path}/cgroup.procs", "w", encoding="ascii") as members:
                    members.write(str(stranger.pid))
            else:
                os.mkdir(f"{path}/theirs")
            assert path not in detect.sweep_dead(timeout_s=5 * slowdown).removed
            assert os.path.isdir(path)
            assert stranger.poll() is None
            assert stranger.stdin is not None
            stranger.stdin.write(b"\n")
    finally:
        for left in (f"{path}/theirs", path, os.path.dirname(path)):
            files.rmdir(left)  # refuses the last one while another farm is at work in there


def test_missing_names_what_the_host_lacks(manager):
    assert all(sentence.startswith("no ") for sentence in manager.missing)
    assert manager.mode in ("v1", "v2", "hybrid")


_NESTED = """
import os, sys
sys.path.insert(0, {path!r})
from farm.cgroup import detect
from farm.kernel import mount, process
process.unshare(process.CLONE_NEWNS)
mount.mount("", "/", flags=mount.MS_REC | mount.MS_PRIVATE)
for point in detect.mount_points():
    mount.mount(point + {below!r}, point + {below!r}, flags=mount.MS_BIND)
print(*detect.mount_points())
"""


def test_hierarchies_mounted_once_more_inside_themselves_are_used_once(run_name):
    """The zygote gets a mount of each that is used: one within another could not be made there."""
    manager = detect.open_hierarchies(run_name)
    try:
        code = _NESTED.format(path=os.path.dirname(os.path.dirname(detect.__file__)) + "/..", below="/farm")
        done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    finally:
        manager.close()
    assert done.stdout.split() == list(detect.mount_points())
    assert detect.mount_points()
