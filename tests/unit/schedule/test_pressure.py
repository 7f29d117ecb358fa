from __future__ import annotations

import pytest

from farm.schedule.pressure import IO_PERCENT, MEMORY_PERCENT, Stalls, high, told


@pytest.mark.parametrize(
    ("stalls", "was_high", "expected"),
    [
        (Stalls(), False, False),
        (Stalls(), True, False),
        (Stalls(memory_some=MEMORY_PERCENT + 1), False, True),
        (Stalls(memory_some=MEMORY_PERCENT), False, False),
        (Stalls(memory_some=MEMORY_PERCENT / 2 + 1), True, True),
        (Stalls(memory_some=MEMORY_PERCENT / 2), True, False),
        (Stalls(io_full=IO_PERCENT + 1), False, True),
        (Stalls(memory_some=1.0, io_full=IO_PERCENT), False, False),
        (Stalls(memory_some=0.0, io_full=IO_PERCENT / 2 + 1), True, True),
    ],
)
def test_it_is_high_above_a_threshold_until_it_is_half_of_it(stalls, was_high, expected) -> None:
    assert high(stalls, was_high=was_high) == expected


def test_it_is_said_with_the_numbers() -> None:
    assert "23 %" in told(Stalls(memory_some=23.4))
