from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.report.fisher import log_tail


def exact(bad_with: int, all_with: int, bad: int, everything: int) -> Fraction:
    """By counting all draws."""
    ways = sum(
        math.comb(all_with, count) * math.comb(everything - all_with, bad - count)
        for count in range(bad_with, min(all_with, bad) + 1)
    )
    return Fraction(ways, math.comb(everything, bad))


@given(st.data())
def test_it_is_what_counting_gives(data):
    everything = data.draw(st.integers(1, 60))
    all_with, bad = data.draw(st.integers(0, everything)), data.draw(st.integers(0, everything))
    bad_with = data.draw(st.integers(max(0, all_with + bad - everything), min(all_with, bad)))
    expected = float(exact(bad_with, all_with, bad, everything))
    assert math.exp(log_tail(bad_with, all_with, bad, everything)) == pytest.approx(expected, rel=1e-9)


def test_the_tea_of_the_book():
    assert math.exp(log_tail(4, 4, 4, 8)) == pytest.approx(1 / 70)
    assert math.exp(log_tail(3, 4, 4, 8)) == pytest.approx(17 / 70)


def test_what_no_float_could_hold_is_still_told_apart():
    assert -math.inf < log_tail(5000, 5000, 5000, 10_000) < log_tail(4990, 5000, 5000, 10_000) < -1000
    assert log_tail(3, 2, 3, 9) == -math.inf
