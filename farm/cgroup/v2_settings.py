"""Limits as the files of cgroup v2 take them; pure. See the kernel's admin-guide/cgroup-v2."""

from __future__ import annotations

from collections.abc import Container, Mapping

from farm.model.limits import Limits

CONTROLLERS = ("cpu", "memory", "pids", "io")
"""The v2 controllers the farm uses. Freezing, killing and counting cpu time need none."""

_PERIOD_US = 100_000
_LEAST_QUOTA_US = 1_000  # the kernel refuses less
_FAIR_WEIGHT = 100
_MOST_BFQ_WEIGHT = 1_000

_NEEDED = (
    ("cpu", ("cpu.max",), "no cpu quota: the cpu controller is missing"),
    ("memory", ("memory.max",), "no memory quota: the memory controller is missing (boot with cgroup_enable=memory)"),
    ("peak", ("memory.peak",), "no peak memory: memory.peak is missing (Linux 5.19)"),
    ("swap", ("memory.swap.max",), "no swap quota: memory.swap.max is missing (boot with swapaccount=1)"),
    ("pids", ("pids.max",), "no pids quota: the pids controller is missing"),
    (
        "io",
        ("io.weight", "io.bfq.weight"),
        "no io weight: the io controller has neither a cost model nor the bfq scheduler",
    ),
)


def lacks(present: Container[str]) -> dict[str, str]:
    """What a host whose groups have the files ``present`` cannot do: a sentence by the name of the quota."""
    return {quota: sentence for quota, files, sentence in _NEEDED if not any(file in present for file in files)}


def changes(current: Mapping[str, str], limits: Limits, present: Container[str]) -> tuple[tuple[str, str], ...]:
    """The writes, as (file, value), that take a group from ``current`` (unknown ones absent) to ``limits``."""
    quota_us = max(_LEAST_QUOTA_US, round(limits.cpus * _PERIOD_US))
    wanted = [
        ("cpu.max", f"{quota_us} {_PERIOD_US}"),
        ("memory.max", str(limits.memory_bytes)),
        ("memory.swap.max", str(limits.swap_bytes)),
        ("pids.max", str(limits.pids)),
    ]
    weight = limits.io_weight or _FAIR_WEIGHT
    for file, most in (("io.weight", 10_000), ("io.bfq.weight", _MOST_BFQ_WEIGHT)):
        if limits.io_weight is not None or file in current:  # a new group has the fair weight already
            wanted.append((file, str(min(weight, most))))
    return tuple((file, value) for file, value in wanted if file in present and current.get(file) != value)
