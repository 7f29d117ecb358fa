from __future__ import annotations

import math

from farm.model.job import Job
from farm.model.limits import Limits
from farm.schedule import policy

GIB = 1 << 30


def test_hundreds_of_small_jobs_may_live_at_once_when_asked_for() -> None:
    given = policy.budget(2, 8 * GIB, slots=300)
    wanted = policy.demand(Limits(cpus=1, memory_bytes=64 << 20), given)
    assert given.cpus == math.inf
    assert policy.fits(wanted, given, 299, 299.0, 299 * wanted.memory_bytes)
    assert not policy.fits(wanted, given, 300, 300.0, 300 * wanted.memory_bytes)


def test_without_j_cpu_quotas_bound_what_runs() -> None:
    given = policy.budget(2, 64 * GIB)
    wanted = policy.demand(Limits(cpus=2), given)
    assert policy.fits(wanted, given, 7, 14.0, 0)
    assert not policy.fits(wanted, given, 8, 16.0, 0)


def test_a_quota_beyond_the_cores_is_all_of_them() -> None:
    given = policy.budget(2, GIB)
    assert policy.demand(Limits(cpus=64), given).cpus == 2


def test_a_job_larger_than_the_host_is_refused_with_the_numbers() -> None:
    given = policy.budget(2, GIB)
    refused = policy.never_fits(policy.demand(Limits(memory_bytes=GIB, swap_bytes=GIB), given), given)
    assert "2 GiB" in refused
    assert "1 GiB" in refused
    assert policy.never_fits(policy.demand(Limits(memory_bytes=GIB), given), given) == ""


def test_under_j_300_jobs_of_the_default_limits_fit_a_host_of_ten_gib() -> None:
    given = policy.budget(2, 10 * GIB, slots=300)
    assert policy.held_to([job(each) for each in range(300)], given) == 0


def test_what_memory_holds_back_is_counted_and_explained() -> None:
    given = policy.budget(2, GIB, slots=300)
    assert policy.held_to([job(each) for each in range(300)], given) == 32
    assert "16 GiB" in policy.memory_held(given)
    assert "1 GiB" in policy.memory_held(given)


def test_factors_that_are_given_hold_with_j_and_without() -> None:
    for slots in (None, 300):
        given = policy.budget(2, GIB, slots, cpu_overcommit=1.5, memory_overcommit=0.5)
        assert given.cpus == 3
        assert given.memory_bytes == GIB // 2


def test_what_is_reserved_is_neither_for_one_job_nor_for_all() -> None:
    given = policy.budget(4, 8 * GIB, reserve=policy.Reserve(1.0, 2 * GIB))
    assert (given.slots, given.cpus, given.largest_job_bytes, given.memory_bytes) == (24, 24.0, 6 * GIB, 24 * GIB)
    assert policy.budget(4, 8 * GIB, 300, reserve=policy.Reserve(1.0)).slots == 300
    assert policy.budget(1, GIB, reserve=policy.Reserve(5.0, 5 * GIB)).slots == 1


def job(number: int) -> Job:
    return Job(f"unit/host[n={number}]", "unit", "host", (("n", str(number)),), ("true",), "true")
