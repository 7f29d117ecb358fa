"""A group that comes back starts afresh, with the limits of whoever gets it next."""

from __future__ import annotations

import os

from farm.cgroup.base import LEFTOVER_BYTES
from farm.model.limits import Limits

_BUSY = """
import os, signal
hoard = b"x" * (24 << 20)
total = sum(range(2_000_000))
for _ in range(20):
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError:
        pass
"""


def _limit(group, *names):
    """First word of the first of the files ``names`` that the group has; None where it has none."""
    for path in (f"{directory}/{name}" for name in names for directory in _directories(group)):
        if os.path.exists(path):
            with open(path, encoding="ascii") as limit:
                return limit.read().split()[0]
    return None


def _directories(group):
    paths = [source for source, _ in group.view_sources() if source.startswith("/")]
    return paths + ([f"/proc/self/fd/{group.v2_fd}"] if group.v2_fd >= 0 else [])


def test_counters_start_at_zero_each_time(manager, put, reap_orphans):
    limits = Limits(cpus=0.5, memory_bytes=96 << 20, pids=4)
    for _ in range(4):
        group = manager.acquire(limits)
        fresh = group.usage()
        assert fresh.cpu_s == 0
        assert fresh.oom_kills == 0
        assert fresh.pids_refused == 0
        assert fresh.throttled_periods in (0, 1)  # the kernel counts the last one of before when it is over
        assert (fresh.memory_peak_bytes or 0) <= LEFTOVER_BYTES
        assert put(group, _BUSY).wait() == 0
        reap_orphans(group)
        used = group.usage()
        assert used.cpu_s is not None
        assert used.cpu_s > 0
        assert used.pids_refused is not None
        assert used.pids_refused > 0
        if used.memory_peak_bytes is not None:
            assert used.memory_peak_bytes > 24 << 20
        manager.release(group)


def test_limits_follow_whoever_has_the_group(manager, put):
    wanted = [
        Limits(cpus=1, memory_bytes=64 << 20, pids=32),
        Limits(cpus=0.5, memory_bytes=32 << 20, pids=16),  # lowered
        Limits(cpus=2, memory_bytes=256 << 20, pids=64, swap_bytes=16 << 20),  # raised
        Limits(cpus=2, memory_bytes=260 << 20, pids=64, swap_bytes=0),  # memory up, memory and swap together down
        Limits(cpus=2, memory_bytes=128 << 20, pids=64, swap_bytes=512 << 20),  # memory down, together up
    ]
    for limits in [*wanted, *reversed(wanted)]:
        group = manager.acquire(limits)
        assert _limit(group, "memory.limit_in_bytes", "memory.max") == str(limits.memory_bytes)
        assert _limit(group, "pids.max") == str(limits.pids)
        assert _limit(group, "cpu.cfs_quota_us", "cpu.max") == str(int(limits.cpus * 100_000))
        both = _limit(group, "memory.memsw.limit_in_bytes")
        assert both in (None, str(limits.memory_bytes + limits.swap_bytes))
        assert put(group, "pass").wait() == 0
        manager.release(group)


def test_a_killed_group_forks_again_when_used_again(manager, put, reap_orphans):
    limits = Limits(pids=32)
    group = manager.acquire(limits)
    inmate = put(group, "import signal; print('ready', flush=True); signal.pause()")
    assert inmate.line() == "ready"
    group.kill()
    inmate.wait()
    manager.release(group)
    again = manager.acquire(limits)
    assert put(again, "import os\nif os.fork() == 0: os._exit(0)\nos.wait()").wait() == 0
    assert again.usage().pids_refused == 0


def test_a_group_that_keeps_much_memory_charged_is_replaced(manager, put, tmp_path_factory, eventually):
    """Page cache of a file the container was first to touch stays charged to its group; the next must not inherit it."""
    file = tmp_path_factory.mktemp("cache") / "written-inside"
    group = manager.acquire(Limits())
    first = _directories(group)[0]
    inmate = put(group, f"open({str(file)!r}, 'wb').write(b'x' * (8 << 20))")
    assert inmate.wait() == 0
    manager.release(group)
    again = manager.acquire(Limits())
    assert _directories(again)[0] != first or (again.usage().memory_peak_bytes or 0) <= LEFTOVER_BYTES

    def settled():
        manager.sweep()
        return not os.path.exists(first) or _directories(again)[0] == first

    eventually(settled)
