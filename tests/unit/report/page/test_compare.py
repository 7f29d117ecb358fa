"""How a failed log differs from one that passed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from farm.report.page.compare import difference


def test_what_differs_with_what_is_around_it():
    passed = [f"step {each} took 0.1 s" for each in "abcdefgh"]
    here = [f"step {each} took 7.2 s" for each in "abcdefgh"]
    here[4] = "step failed"
    assert difference(passed, here).lines == (
        " step c took 7.2 s",
        " step d took 7.2 s",
        "-step e took 0.1 s",
        "+step failed",
        " step f took 7.2 s",
        " step g took 7.2 s",
    )


def test_numbers_addresses_and_digests_make_no_difference():
    assert not difference(["at 0x7ffe12 in 12.5 s, deadbeef01"], ["at 0x1 in 3 s, cafecafe99"]).lines


def test_a_line_that_is_there_very_often_is_alike_too():
    passed = [f"[{n}] checking ... yes" for n in range(199)]
    assert difference(passed, [*passed[:150], "broken", *passed[150:]]).lines == (
        " [148] checking ... yes",
        " [149] checking ... yes",
        "+broken",
        " [150] checking ... yes",
        " [151] checking ... yes",
    )


def test_two_places_have_a_gap_between_them():
    passed = [chr(97 + n) * 3 for n in range(20)]
    here = ["new", *passed, "newer"]
    assert "…" in difference(passed, here).lines


def test_more_than_is_shown_is_counted():
    found = difference([], [f"{chr(97 + n % 26)} line" for n in range(200)])
    assert len(found.lines) + found.more == 200
    assert found.more > 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_every_line_says_where_it_is_from(passed, here):
    found = difference(passed, here)
    assert all(each[0] in " -+…" for each in found.lines)
    assert bool(found.lines) == (passed != here)
