from __future__ import annotations

import math

import pytest

from farm.schedule.makespan import ideal_s
from farm.schedule.policy import Budget
from tests.unit.schedule.jobs import MIB, make_job

WIDE = Budget(4, math.inf, 1000 * MIB, 1000 * MIB, 4)


@pytest.mark.parametrize(
    ("jobs", "took_s", "given", "expected_s"),
    [
        ([], [], WIDE, 0.0),
        ([make_job("1")], [3.0], WIDE, 3.0),
        ([make_job(str(n)) for n in range(8)], [1.0] * 8, WIDE, 2.0),
        ([make_job("1"), make_job("2", needs=("1",))], [2.0, 3.0], WIDE, 5.0),
        ([make_job(str(n), memory_bytes=500 * MIB) for n in range(4)], [1.0] * 4, WIDE, 2.0),
        ([make_job(str(n), cpus=2.0) for n in range(4)], [1.0] * 4, Budget(4, 2.0, 1 << 40, 1 << 40, 2), 4.0),
        ([make_job(str(n), cpus=3.0) for n in range(4)], [1.0] * 4, Budget(4, 1.0, 1 << 40, 1 << 40, 4), 4.0),
    ],
)
def test_the_bound_that_holds_it_back_most(jobs, took_s, given, expected_s) -> None:
    assert ideal_s(jobs, took_s, given) == expected_s
