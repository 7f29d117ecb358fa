"""Limits as the files of cgroup v1 take them, in the order they take them; pure."""

from __future__ import annotations

from collections.abc import Container, Mapping

from farm.model.limits import Limits

_PERIOD_US = 100_000
_LEAST_QUOTA_US = 1_000  # the kernel refuses less
_MOST_BFQ_WEIGHT = 1_000

_MEMORY = "memory.limit_in_bytes"
_MEMORY_AND_SWAP = "memory.memsw.limit_in_bytes"

_NEEDED = (
    ("cpu", "cpu.cfs_quota_us", "no cpu quota: the cpu controller or its CFS bandwidth control is missing"),
    ("cpu time", "cpuacct.usage", "no cpu time: the cpuacct controller is missing"),
    ("memory", _MEMORY, "no memory quota: the memory controller is missing (boot with cgroup_enable=memory)"),
    ("peak", "memory.max_usage_in_bytes", "no peak memory: the memory controller is missing"),
    ("swap", _MEMORY_AND_SWAP, "no swap quota: memory.memsw is missing (boot with swapaccount=1)"),
    ("pids", "pids.max", "no pids quota: the pids controller is missing"),
    ("io", "blkio.bfq.weight", "no io weight: the blkio controller or the bfq scheduler is missing"),
    ("freezer", "freezer.state", "no freezing: the freezer controller is missing"),
)


def lacks(present: Container[str]) -> dict[str, str]:
    """What a host whose groups have the files ``present`` cannot do: a sentence by the name of the quota."""
    return {quota: sentence for quota, file, sentence in _NEEDED if file not in present}


def wanted(limits: Limits) -> tuple[tuple[str, str], ...]:
    """Every (file, value) that ``limits`` ask for, in an order that is right for limits that become smaller."""
    settings = [
        ("cpu.cfs_period_us", str(_PERIOD_US)),
        ("cpu.cfs_quota_us", str(max(_LEAST_QUOTA_US, round(limits.cpus * _PERIOD_US)))),
        (_MEMORY, str(limits.memory_bytes)),
        (_MEMORY_AND_SWAP, str(limits.memory_bytes + limits.swap_bytes)),
        # Without swap accounting this is the only way to keep memory out of swap.
        ("memory.swappiness", "60" if limits.swap_bytes else "0"),
        ("pids.max", str(limits.pids)),
    ]
    if limits.io_weight is not None:
        settings.append(("blkio.bfq.weight", str(min(limits.io_weight, _MOST_BFQ_WEIGHT))))
    return tuple(settings)


def changes(current: Mapping[str, str], limits: Limits, present: Container[str]) -> tuple[tuple[str, str], ...]:
    """The writes that take a group from ``current`` (file -> value; unknown ones absent) to ``limits``.

    The kernel keeps memory <= memory and swap together at every moment: when they grow the sum goes first. A new group
    has no limit, so its sum cannot grow.
    """
    writes = [(file, value) for file, value in wanted(limits) if file in present and current.get(file) != value]
    known = current.get(_MEMORY_AND_SWAP)
    if known is not None and limits.memory_bytes + limits.swap_bytes > int(known):
        writes.sort(key=lambda write: write[0] != _MEMORY_AND_SWAP)
    return tuple(writes)
