"""Where a group goes when it comes back."""

from __future__ import annotations

import pytest

from farm.cgroup.counters import merged, since
from farm.cgroup.pool import Pool
from farm.model.limits import Limits, Usage

_SMALL, _LARGE = Limits(pids=1), Limits(pids=2)


class Fake:
    """A group of our own Protocol whose kernel the test plays."""

    def __init__(self, *, reusable: bool = True) -> None:
        self.reusable = reusable
        self.settled = True
        self.removable = True
        self.removed = False
        self.applied: list[Limits] = []
        self.refuses = False

    def apply(self, limits: Limits) -> None:
        if self.refuses:
            raise OSError(22, "refused")
        self.applied.append(limits)

    def reset(self) -> bool:
        return self.settled

    def remove(self) -> bool:
        self.removed = self.removable
        return self.removable


def test_a_settled_group_is_lent_again():
    pool = Pool(Fake)
    group = pool.acquire(_SMALL)
    pool.release(group, _SMALL)
    assert pool.acquire(_LARGE) is group
    assert group.applied == [_SMALL, _LARGE]
    assert pool.acquire(_LARGE) is not group


def test_one_that_has_the_limits_already_is_preferred():
    pool = Pool(Fake)
    small, large = pool.acquire(_SMALL), pool.acquire(_LARGE)
    pool.release(small, _SMALL)
    pool.release(large, _LARGE)
    assert pool.acquire(_LARGE) is large
    assert pool.acquire(_LARGE) is small


def test_one_that_is_not_empty_yet_waits_and_is_lent_when_it_is():
    pool = Pool(Fake)
    group = pool.acquire(_SMALL)
    group.settled = False
    pool.release(group, _SMALL)
    assert pool.acquire(_SMALL) is not group
    group.settled = True
    assert pool.acquire(_SMALL) is group
    assert not group.removed


def test_one_that_is_not_reusable_is_removed_as_soon_as_the_kernel_lets_it():
    pool = Pool(lambda: Fake(reusable=False))
    group = pool.acquire(_SMALL)
    group.removable = False
    pool.release(group, _SMALL)
    pool.sweep()
    assert not group.removed
    group.removable = True
    pool.sweep()
    assert group.removed
    assert pool.acquire(_SMALL) is not group


def test_one_whose_limits_are_refused_is_removed_and_not_lent():
    made = [Fake(), Fake()]
    pool = Pool(iter(made).__next__)
    made[0].refuses = True
    with pytest.raises(OSError, match="refused"):
        pool.acquire(_SMALL)
    pool.sweep()
    assert made[0].removed
    assert pool.acquire(_SMALL) is made[1]


def test_usage_is_a_difference_but_for_the_peak_and_none_stays_none():
    before = Usage(cpu_s=1.0, memory_peak_bytes=5, oom_kills=2)
    now = Usage(cpu_s=1.5, memory_peak_bytes=7, oom_kills=3)
    assert since(before, now) == Usage(cpu_s=0.5, memory_peak_bytes=7, oom_kills=1)


def test_each_half_of_a_hybrid_gives_what_it_has():
    first, second = Usage(memory_peak_bytes=5, oom_kills=0), Usage(cpu_s=1.0, oom_kills=9)
    assert merged(first, second) == Usage(cpu_s=1.0, memory_peak_bytes=5, oom_kills=0)
