"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.units import format_bytes, format_duration, parse_bytes, parse_duration_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("1.5m", 90),
        ("2d", 172800),
        (7, 7),
        (0.5, 0.5),
        ("7", 7),
        ("1m1s", 61),
    ],
)
def test_durations(text, seconds):
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-1s", "1x", "s", "1h 30", True, 0, -5, "nan", "inf", "1e3", float("inf"), float("nan")]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512M", 512 << 20),
        ("1.5GiB", 3 << 29),
        ("4k", 4096),
        ("4KB", 4096),
        (10, 10),
        ("10", 10),
        ("2 T", 2 << 40),
        ("1b", 1),
    ],
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "M", "-1M", "1Q", "1 M B", True, False, 0, -1, "0.1"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="not a size"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0421, "0.042 s"), (8.1, "8.1 s"), (125, "2m05s"), (11220, "3h07m"), (59.94, "59.9 s"), (3599.9, "1h00m")],
)
def test_durations_are_shown_short(seconds, text):
    assert format_duration(seconds) == text


@given(st.floats(0, 3e5))
def test_durations_fit_their_column(seconds):
    assert len(format_duration(seconds)) <= 7


@given(st.integers(0, 1 << 50))
def test_sizes_fit_their_column_and_come_back(size):
    text = format_bytes(size)
    assert len(text) <= 9
    if size >= 1024:
        assert parse_bytes(text) == pytest.approx(size, rel=0.01)


@given(st.integers(1, 1 << 40))
def test_whole_numbers_mean_themselves(number):
    assert parse_bytes(str(number)) == parse_bytes(number) == number
