"""Freezing and killing: also what is stopped, frozen, forking or in groups of its own."""

from __future__ import annotations

import os
import select
import signal

import pytest

from farm.model.limits import Limits

_SPINNER = "print('ready', flush=True)\nwhile True: pass"
_STOPPER = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"
_STUBBORN = """
import signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
while True:
    signal.pause()
"""
_BOMB = """
import os
print("ready", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        pass
"""


@pytest.fixture
def stands_still(slowdown):
    """Whether a group uses no cpu time for a tenth of a second: there is no event for what does not happen."""

    def check(group):
        before = group.usage().cpu_s
        select.select([], [], [], 0.1 * slowdown)
        return group.usage().cpu_s == before

    return check


def test_a_frozen_group_stands_still_until_it_is_thawed(manager, put, eventually, stands_still):
    group = manager.acquire(Limits())
    assert put(group, _SPINNER).line() == "ready"
    assert not stands_still(group)
    group.freeze(frozen=True)
    eventually(lambda: stands_still(group))
    group.freeze(frozen=False)
    eventually(lambda: not stands_still(group))


def test_C17_a_stopped_process_is_killed(manager, put, eventually):
    group = manager.acquire(Limits())
    inmate = put(group, _STOPPER)
    inmate.wait_stopped()
    group.kill()
    assert os.WTERMSIG(inmate.wait()) == signal.SIGKILL
    eventually(lambda: group.pids() == ())


def test_C17_a_frozen_process_is_killed(manager, put, eventually, stands_still):
    group = manager.acquire(Limits())
    inmate = put(group, _SPINNER)
    assert inmate.line() == "ready"
    group.freeze(frozen=True)
    eventually(lambda: stands_still(group))
    group.kill()
    assert os.WTERMSIG(inmate.wait()) == signal.SIGKILL
    manager.release(group)
    again = manager.acquire(Limits())
    assert put(again, "pass").wait() == 0, "the group was used again while frozen"


def test_C04_a_process_that_ignores_signals_is_killed(manager, put):
    group = manager.acquire(Limits())
    inmate = put(group, _STUBBORN)
    assert inmate.line() == "ready"
    assert inmate.pid in group.pids()
    group.kill()
    assert os.WTERMSIG(inmate.wait()) == signal.SIGKILL


def test_C05_a_fork_bomb_is_killed(manager, put, eventually, reap_orphans):
    group = manager.acquire(Limits(pids=48))
    inmate = put(group, _BOMB)
    assert inmate.line() == "ready"
    eventually(lambda: (group.usage().pids_refused or 0) > 0)
    group.kill()
    inmate.wait()
    reap_orphans(group)
    assert group.pids() == ()


def test_C17_groups_made_inside_are_seen_killed_and_removed(manager, put, directories_of, eventually):
    group = manager.acquire(Limits())
    inmate = put(group, _STUBBORN)
    assert inmate.line() == "ready"
    below = [f"{path}/inner/innermost" for path in directories_of(group)]
    for path in below:
        os.makedirs(path)
        with open(f"{path}/cgroup.procs", "w", encoding="ascii") as members:
            members.write(str(inmate.pid))
    assert group.pids() == (inmate.pid,)
    group.kill()
    assert os.WTERMSIG(inmate.wait()) == signal.SIGKILL
    manager.release(group)

    def gone():
        manager.sweep()
        return not any(os.path.exists(path) for path in below)

    eventually(gone)


def test_C04_a_group_released_with_a_living_process_is_emptied(manager, put, eventually):
    group = manager.acquire(Limits())
    inmate = put(group, _STUBBORN)
    assert inmate.line() == "ready"
    manager.release(group)

    def ended():
        manager.sweep()
        return os.waitid(os.P_PID, inmate.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    eventually(ended)
    assert os.WTERMSIG(inmate.wait()) == signal.SIGKILL
