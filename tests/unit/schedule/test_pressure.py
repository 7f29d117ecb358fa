from __future__ import annotations

import pytest

from farm.schedule.pressure import IO_PERCENT, LITTLE_MEMORY, MEMORY_PERCENT, Stalls, at_most, told

LITTLE = LITTLE_MEMORY / 2
CORES = 4


@pytest.mark.parametrize(
    ("stalls", "was", "expected"),
    [
        (Stalls(), 0, 0),
        (Stalls(), 1, 0),
        (Stalls(memory_some=MEMORY_PERCENT + 1, available=LITTLE), 0, 1),
        (Stalls(memory_some=MEMORY_PERCENT, available=LITTLE), 0, 0),
        (Stalls(memory_some=MEMORY_PERCENT / 2 + 1, available=LITTLE), 1, 1),
        (Stalls(memory_some=MEMORY_PERCENT / 2, available=LITTLE), 1, 0),
        (Stalls(io_full=IO_PERCENT + 1), 0, CORES),
        (Stalls(memory_some=1.0, io_full=IO_PERCENT), 0, 0),
        (Stalls(memory_some=0.0, io_full=IO_PERCENT / 2 + 1), CORES, CORES),
        (Stalls(memory_some=90.0, io_full=90.0, available=LITTLE), CORES, 1),
    ],
)
def test_a_bound_begins_above_a_threshold_and_ends_at_half_of_it(stalls, was, expected) -> None:
    assert at_most(stalls, CORES, was) == expected


def test_a_job_that_presses_against_its_own_quota_holds_nobody_back() -> None:
    assert at_most(Stalls(memory_some=99.0, io_full=0.0, available=0.9), CORES, 0) == 0


def test_it_is_said_with_the_numbers() -> None:
    said = told(Stalls(23.4, 0.0, 0.08), 1)
    assert "23 %" in said
    assert "8%" in said
    assert "one job at once" in said
    assert "4 jobs at once" in told(Stalls(0.0, 70.0), 4)
