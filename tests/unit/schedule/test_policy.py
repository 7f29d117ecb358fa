from __future__ import annotations

import math
from dataclasses import replace

import pytest

from farm.model.job import Job
from farm.model.limits import Limits
from farm.model.service import Service
from farm.schedule import policy

GIB = 1 << 30


def test_hundreds_of_small_jobs_may_live_at_once_when_asked_for() -> None:
    given = policy.budget(2, 8 * GIB, slots=300)
    wanted = policy.demand(Limits(cpus=1, memory_bytes=64 << 20))
    assert given.cpus == math.inf
    assert policy.fits(wanted, given, 299, 299.0, 299 * wanted.memory_bytes)
    assert not policy.fits(wanted, given, 300, 300.0, 300 * wanted.memory_bytes)


def test_without_j_cpu_quotas_bound_what_runs() -> None:
    given = policy.budget(2, 64 * GIB)
    wanted = policy.demand(Limits(cpus=2))
    assert policy.fits(wanted, given, 7, 14.0, 0)
    assert not policy.fits(wanted, given, 8, 16.0, 0)


def test_more_cpus_than_cores_count_as_they_are_asked_for() -> None:
    given = policy.budget(2, 64 * GIB)
    wanted = policy.demand(Limits(cpus=4))
    assert policy.never_fits(wanted, given) == ""
    assert policy.fits(wanted, given, 3, 12.0, 0)
    assert not policy.fits(wanted, given, 4, 16.0, 0)


@pytest.mark.parametrize("slots", [None, 300])
def test_more_cpus_than_overcommit_makes_never_fit(slots) -> None:
    given = policy.budget(2, GIB, slots)
    assert policy.never_fits(policy.demand(Limits(cpus=16)), given) == ""
    told = "asks for 64 cpus, and this host has 2 cores: --overcommit-cpu 8 makes 16"
    assert policy.never_fits(policy.demand(Limits(cpus=64)), given) == told
    reserved = policy.budget(1, GIB, slots, cpu_overcommit=2.0, reserve=policy.Reserve(0.5))
    told = "asks for 1.5 cpus, and this host has 1 core, 0.5 of them not reserved: --overcommit-cpu 2 makes 1"
    assert policy.never_fits(policy.demand(Limits(cpus=1.5)), reserved) == told


def test_a_job_of_all_cores_fits_also_where_less_than_that_may_be_taken_at_once() -> None:
    given = policy.budget(2, GIB, cpu_overcommit=0.5)
    assert policy.never_fits(policy.demand(Limits(cpus=2)), given) == ""
    assert policy.never_fits(policy.demand(Limits(cpus=2.1)), given) != ""


def test_a_job_counts_with_its_services() -> None:
    services = tuple(Service(name, "host", ("true",), "true", limits=Limits(cpus=7, pids=9)) for name in ("a", "b"))
    wanted = policy.demand_of(replace(job(1), services=services))
    assert (wanted.cpus, wanted.pids) == (15, 256 + 18)
    assert "asks for 15 cpus" in policy.never_fits(wanted, policy.budget(1, 64 * GIB))


def test_a_disk_and_pids_that_the_host_does_not_have_never_fit_and_all_is_said_at_once() -> None:
    given = policy.budget(1, GIB, room=policy.Room(disk_bytes=2 * GIB, pids=1000))
    assert policy.never_fits(policy.demand(Limits(disk_bytes=2 * GIB, pids=1000)), given) == ""
    told = policy.never_fits(policy.demand(Limits(cpus=9, memory_bytes=2 * GIB, disk_bytes=3 * GIB, pids=1001)), given)
    assert told.split("; ") == [
        "asks for 2 GiB of memory, and this host has 1 GiB available",
        "asks for 9 cpus, and this host has 1 core: --overcommit-cpu 8 makes 8",
        "asks for a disk of 3 GiB, and the file system of the farm's folder has 2 GiB free",
        "asks for 1001 pids, and the kernel has 1000 (kernel.pid_max)",
    ]


def test_a_job_larger_than_the_host_is_refused_with_the_numbers() -> None:
    given = policy.budget(2, GIB)
    refused = policy.never_fits(policy.demand(Limits(memory_bytes=GIB, swap_bytes=GIB)), given)
    assert "2 GiB" in refused
    assert "1 GiB" in refused
    assert policy.never_fits(policy.demand(Limits(memory_bytes=GIB)), given) == ""


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
