"""Limits become the right writes in the right order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.cgroup import v1_settings, v2_settings
from farm.model.limits import Limits

_V1_FILES = frozenset(
    {
        "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpuacct.usage", "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes", "memory.max_usage_in_bytes", "pids.max", "blkio.bfq.weight", "freezer.state",
    }
)  # fmt: skip
_V2_FILES = frozenset({"cpu.max", "memory.max", "memory.peak", "memory.swap.max", "pids.max", "io.weight"})

_LIMITS = st.builds(
    Limits,
    cpus=st.sampled_from([0.001, 0.5, 1.0, 2.5]),
    memory_bytes=st.integers(1, 1 << 40),
    swap_bytes=st.integers(0, 1 << 40),
    pids=st.integers(1, 4096),
    io_weight=st.one_of(st.none(), st.integers(1, 10_000)),
)


@given(st.lists(_LIMITS, min_size=1, max_size=6))
def test_v1_never_has_memory_above_memory_and_swap_together(sequence):
    current: dict[str, str] = {}
    for limits in sequence:
        for file, value in v1_settings.changes(current, limits, _V1_FILES):
            current[file] = value
            both = current.get("memory.memsw.limit_in_bytes")
            assert both is None or int(current["memory.limit_in_bytes"]) <= int(both)
        assert current["memory.limit_in_bytes"] == str(limits.memory_bytes)
        assert current["memory.memsw.limit_in_bytes"] == str(limits.memory_bytes + limits.swap_bytes)
        assert current["pids.max"] == str(limits.pids)


@pytest.mark.parametrize(("room", "files"), [(v1_settings, _V1_FILES), (v2_settings, _V2_FILES)])
@given(limits=_LIMITS)
def test_what_is_set_already_is_not_written_again(room, files, limits):
    writes = room.changes({}, limits, files)
    assert writes
    assert room.changes(dict(writes), limits, files) == ()


@pytest.mark.parametrize(("room", "files"), [(v1_settings, _V1_FILES), (v2_settings, _V2_FILES)])
def test_only_files_that_are_there_are_written_and_the_others_are_missed(room, files):
    for absent in files:
        writes = dict(room.changes({}, Limits(io_weight=50), files - {absent}))
        assert absent not in writes
    assert room.lacks(files) == {}
    assert room.lacks(files - {"pids.max"}).keys() == {"pids"}
    assert "memory" in room.lacks(frozenset())


def test_v1_values():
    writes = dict(v1_settings.changes({}, Limits(cpus=0.5, memory_bytes=1000, swap_bytes=24, pids=7), _V1_FILES))
    assert writes == {
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "50000",
        "memory.limit_in_bytes": "1000",
        "memory.memsw.limit_in_bytes": "1024",
        "pids.max": "7",
    }


def test_v1_without_swap_accounting_keeps_out_of_swap():
    files = frozenset({"memory.limit_in_bytes", "memory.swappiness"})
    assert dict(v1_settings.changes({}, Limits(), files))["memory.swappiness"] == "0"
    assert dict(v1_settings.changes({}, Limits(swap_bytes=1), files))["memory.swappiness"] == "60"


def test_v2_values():
    writes = dict(v2_settings.changes({}, Limits(cpus=2.5, memory_bytes=1000, swap_bytes=24, pids=7), _V2_FILES))
    assert writes == {"cpu.max": "250000 100000", "memory.max": "1000", "memory.swap.max": "24", "pids.max": "7"}


def test_a_quota_too_small_for_the_kernel_is_the_least_it_takes():
    assert dict(v1_settings.changes({}, Limits(cpus=0.0001), _V1_FILES))["cpu.cfs_quota_us"] == "1000"
    assert dict(v2_settings.changes({}, Limits(cpus=0.0001), _V2_FILES))["cpu.max"] == "1000 100000"


def test_io_weight_goes_back_to_fair_for_the_next_and_is_capped_for_bfq():
    files = _V2_FILES | {"io.bfq.weight"}
    heavy = dict(v2_settings.changes({}, Limits(io_weight=5000), files))
    assert heavy["io.weight"] == "5000"
    assert heavy["io.bfq.weight"] == "1000"
    fair = dict(v2_settings.changes(heavy, Limits(), files))
    assert fair["io.weight"] == fair["io.bfq.weight"] == "100"
