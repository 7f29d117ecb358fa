from __future__ import annotations

import os

import psutil
import pytest

from farm.app.room import room
from farm.errors import UsageError
from farm.model.run import Asked
from tests.unit.schedule.jobs import make_job

JOBS = [make_job(str(n)) for n in range(4)]


def test_what_is_reserved_is_not_for_jobs() -> None:
    cores = len(os.sched_getaffinity(0))
    whole, _ = room(Asked(), JOBS, "/", keeps=False)
    some, _ = room(
        Asked(reserve_cpus=cores / 2, reserve_memory_bytes=psutil.virtual_memory().available // 2),
        JOBS,
        "/",
        keeps=False,
    )
    assert some.cpus == pytest.approx(whole.cpus / 2)
    assert 0.4 < some.largest_job_bytes / whole.largest_job_bytes < 0.6
    assert 0.4 < some.memory_bytes / whole.memory_bytes < 0.6


@pytest.mark.parametrize("asked", [Asked(reserve_cpus=10_000.0), Asked(reserve_memory_bytes=1 << 60)])
def test_a_reserve_of_everything_is_refused(asked) -> None:
    with pytest.raises(UsageError, match="leaves nothing"):
        room(asked, JOBS, "/", keeps=False)


def test_what_memory_holds_back_under_j_is_said() -> None:
    jobs = [make_job(str(n), memory_bytes=psutil.virtual_memory().available // 2) for n in range(60)]
    _, notes = room(Asked(slots=60, memory_overcommit=2.0), jobs, "/", keeps=False)
    assert "--overcommit-memory" in notes[0]


def test_what_one_job_can_have_is_what_the_host_says(tmp_path) -> None:
    given, _ = room(Asked(), JOBS, str(tmp_path), keeps=False)
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    assert given.room.disk_bytes == pytest.approx(free, rel=0.1)
    with open("/proc/sys/kernel/pid_max") as file:
        assert given.room.pids == int(file.read())
    gone, _ = room(Asked(), JOBS, str(tmp_path / "not there"), keeps=False)
    assert gone.room.disk_bytes == float("inf")
