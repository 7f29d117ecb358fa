from __future__ import annotations

from farm.model.outcome import Outcome
from farm.report.spark import DIGITS, LETTERS, heights, letters


def test_every_outcome_has_a_letter_of_its_own_and_bad_ones_capitals() -> None:
    assert len({LETTERS[each] for each in Outcome}) == len(Outcome)
    assert [each for each in Outcome if LETTERS[each].isupper()] == [each for each in Outcome if each.bad]
    assert letters([Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY]) == ".F~"


def test_heights_are_from_nothing_to_the_greatest() -> None:
    assert heights([0, 1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇██"
    assert heights([5.0]) == "█"
    assert heights([0.0, 0.0]) == "▁▁"
    assert heights([]) == ""
    assert heights([0.0, 80.0], DIGITS) == "07"
