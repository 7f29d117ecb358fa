"""However long a run is, there are samples to draw, and not too many of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.journal.samples import MOST, interval_s, thinned
from farm.model.run import Sample


def taken(duration_s: float) -> list[Sample]:
    """Those of a run in which every second second was busy."""
    found: list[Sample] = []
    at_s = interval_s(0)
    while at_s <= duration_s:
        found.append(Sample(at_s, len(found) % 2, len(found)))
        at_s += interval_s(len(found))
    return found


def test_a_short_run_has_one_each_second() -> None:
    assert [each.at_s for each in taken(120)] == list(range(1, 121))
    assert thinned(taken(120)) == tuple(taken(120))


def test_a_day_takes_some_thousand_rows_and_gives_evenly_spread_ones() -> None:
    rows = taken(86400)
    assert len(rows) < 3000
    found = thinned(rows)
    assert MOST // 2 < len(found) <= MOST
    assert max(late.at_s - early.at_s for early, late in itertools.pairwise(found)) < 86400 / MOST * 3


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1)), max_size=60).map(sorted),
    st.integers(1, 20),
)
def test_thinning_keeps_the_last_sample_and_all_the_work(given: list[tuple[float, float]], most: int) -> None:
    samples = [Sample(at_s, cpu, 0) for at_s, cpu in given]
    found = thinned(samples, most)
    assert len(found) <= most
    assert [each.at_s for each in found] == sorted(each.at_s for each in found)
    assert {each.at_s for each in found} <= {each.at_s for each in samples}
    if samples:
        assert found[-1].at_s == samples[-1].at_s
        assert work_s(found) == pytest.approx(work_s(samples), abs=1e-6 * max(1.0, samples[-1].at_s))


def work_s(samples: list[Sample] | tuple[Sample, ...]) -> float:
    """Busy seconds of the whole."""
    before_s = [0.0, *(each.at_s for each in samples)]
    return sum(each.cpu * (each.at_s - early) for each, early in zip(samples, before_s, strict=False))
