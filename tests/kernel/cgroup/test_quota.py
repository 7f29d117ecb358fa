"""The kernel holds what the groups promise."""

from __future__ import annotations

import os
import signal
import time

import pytest

from farm.model.limits import Limits

_HOG = """
hoard = []
print("ready", flush=True)
while True:
    hoard.append(b"x" * (1 << 20))
"""

_FORKER = """
import os, signal
count = 0
try:
    while True:
        if os.fork() == 0:
            signal.pause()
        count += 1
except OSError:
    print(count, flush=True)
signal.pause()
"""

_SPINNER = """
import time
print("ready", flush=True)
while time.process_time() < %s:
    pass
"""

_IDLER = """
import signal
print("ready", flush=True)
signal.pause()
"""


def test_C05_memory_beyond_the_limit_is_killed_and_counted(manager, put):
    group, neighbour = manager.acquire(Limits(memory_bytes=48 << 20)), manager.acquire(Limits())
    bystander = put(neighbour, _IDLER)
    assert bystander.line() == "ready"
    hog = put(group, _HOG)
    status = hog.wait()
    used = group.usage()
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert used.oom_kills == 1
    assert used.limit_hits
    if used.memory_peak_bytes is not None:
        assert 40 << 20 < used.memory_peak_bytes <= 48 << 20
    assert neighbour.usage().oom_kills == 0
    assert os.waitpid(bystander.pid, os.WNOHANG) == (0, 0), "a neighbour was harmed"


def test_memory_within_the_limit_is_let_be(manager, put):
    group = manager.acquire(Limits(memory_bytes=128 << 20))
    inmate = put(group, "hoard = b'x' * (32 << 20)")
    assert inmate.wait() == 0
    used = group.usage()
    assert used.oom_kills == 0
    assert used.limit_hits == 0
    if used.memory_peak_bytes is not None:
        assert 32 << 20 < used.memory_peak_bytes < 128 << 20


def test_C05_forks_beyond_the_limit_are_refused_and_counted(manager, put, reap_orphans):
    group = manager.acquire(Limits(pids=8))
    inmate = put(group, _FORKER)
    assert int(inmate.line()) == 7  # and itself
    refused = group.usage().pids_refused
    assert refused is not None
    assert refused > 0
    group.kill()
    inmate.wait()
    reap_orphans(group)
    assert group.usage().pids_refused == refused, "the kill itself counted as the container's doing"


@pytest.mark.parametrize("cpus", [0.2, 0.1])  # so small that others who want the cores leave this much
def test_C05_cpu_time_is_capped(manager, put, cpus):
    group = manager.acquire(Limits(cpus=cpus))
    inmate = put(group, _SPINNER % 0.2)
    assert inmate.line() == "ready"  # the start of Python costs more than all the rest on a slow machine
    started_s, before = time.monotonic(), group.usage()
    assert inmate.wait() == 0
    took_s, used = time.monotonic() - started_s, group.usage()
    assert before.cpu_s is not None
    assert used.cpu_s is not None
    assert used.cpu_s >= 0.2
    assert used.cpu_s - before.cpu_s < took_s * cpus * 1.15 + 0.05  # a period's quota may be left from before
    assert used.throttled_periods is not None
    assert used.throttled_periods > 0
    assert used.throttled_s is not None
    assert used.throttled_s > 0


def test_a_quota_above_one_core_is_taken(manager, put):
    group = manager.acquire(Limits(cpus=1.5))
    assert put(group, "pass").wait() == 0


def test_io_weight_is_set_where_there_is_one(manager, put, directory):
    group = manager.acquire(Limits(io_weight=250))
    for file in ("blkio.bfq.weight", "io.weight", "io.bfq.weight"):
        if any(os.path.exists(f"{path}/{file}") for path in _all(group)):
            with open(f"{directory(group, file)}/{file}", encoding="ascii") as weight:
                assert "250" in weight.read()
            break
    else:
        assert any("io weight" in sentence for sentence in manager.missing)
    assert put(group, "pass").wait() == 0


def _all(group):
    paths = [source for source, _ in group.view_sources() if source.startswith("/")]
    return paths + ([f"/proc/self/fd/{group.v2_fd}"] if group.v2_fd >= 0 else [])


def test_memory_in_use_is_told_while_it_is(manager, put):
    group = manager.acquire(Limits(memory_bytes=128 << 20))
    before = group.memory_bytes()
    inmate = put(group, "import signal\nhoard = b'x' * (32 << 20)\nprint('ready', flush=True)\nsignal.pause()")
    assert inmate.line() == "ready"
    now = group.memory_bytes()
    assert (before is None) == (now is None)
    if before is not None:
        assert before < 4 << 20
        assert 32 << 20 < now <= 128 << 20
