from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.journal.flakiness import LEAST, Flakiness, flakiness, together
from farm.model.outcome import Outcome

LETTERS = {
    "P": Outcome.PASSED,
    "F": Outcome.FAILED,
    "T": Outcome.TIMEOUT,
    "~": Outcome.FLAKY,
    "s": Outcome.SKIPPED,
    "c": Outcome.CANCELLED,
}


def ends(letters: str) -> list[Outcome]:
    return [LETTERS[each] for each in letters]


@pytest.mark.parametrize(
    ("letters", "score"),
    [
        ("PPPPPPPP", 0.0),
        ("FFFFFFFF", 0.0),
        ("PPPPFFFF", 0.0),  # it broke
        ("FFFFPPPP", 0.0),  # it was mended
        ("PPFFTTFF", 0.0),  # failing in another way is no change
        ("PPPFPPPPP", 1 / 8),
        ("PFPFPFPFP", 7 / 8),
        ("PP~PPPPPP", 1 / 8),
        ("~~~~~", 1.0),
        ("PscPsPPP", 0.0),
        ("PsFcPsFP", 3 / 4),
        ("PFPF", None),
        ("", None),
        ("ssssssss", None),
    ],
)
def test_the_score(letters: str, score: float | None) -> None:
    assert flakiness(ends(letters)).score == score


def test_no_more_steps_were_turns_than_there_were() -> None:
    assert flakiness(ends("~~~~~")).said == "4 of 4"
    assert flakiness(ends("PFPPPP")).said == "1 of 5"


def test_a_few_results_count_for_less_than_many() -> None:
    few, many = Flakiness(5, 2), Flakiness(30, 12)
    assert few.score > many.score  # type: ignore[operator]
    assert 0 < few.rank < many.rank
    assert Flakiness(LEAST - 1, 3).rank < Flakiness(LEAST, 0).rank == 0


@given(st.lists(st.sampled_from(list(Outcome)), max_size=40))
def test_the_rank_is_below_the_score_and_both_are_shares(outcomes: list[Outcome]) -> None:
    found = flakiness(outcomes)
    if found.score is None:
        assert found.rank < 0
    else:
        assert 0 <= found.rank <= found.score <= 1
    assert found.passed_again <= found.turns


@pytest.mark.parametrize(
    ("letters", "one"), [("PPFTP", "F"), ("PP~P", "~"), ("sP", "P"), ("cs", "c"), ("P", "P"), ("cF", "F")]
)
def test_repetitions_as_one(letters: str, one: str) -> None:
    assert together(ends(letters)) is LETTERS[one]
