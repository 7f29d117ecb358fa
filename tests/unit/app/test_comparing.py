from __future__ import annotations

import pytest

from farm.app.comparing import What, differences, still
from farm.app.sides import Ended, Side
from tests.unit.app.pasts import LETTERS


def side(**jobs: tuple[str, float]) -> Side:
    ended = {job: Ended(LETTERS[letter], took_s) for job, (letter, took_s) in jobs.items()}  # type: ignore[arg-type]
    return Side("r", 0.0, "nightly", ended)


@pytest.mark.parametrize(
    ("before", "after", "what", "worse"),
    [
        (("P", 1), ("P", 1), None, False),
        (("P", 1), ("F", 1), What.NEW, True),
        (("F", 1), ("P", 9), What.FIXED, False),
        (("F", 1), ("F", 9), None, False),
        (("F", 1), ("T", 9), What.CHANGED, False),
        (("P", 1), ("s", 0), What.CHANGED, False),
        (("s", 0), ("F", 1), What.CHANGED, True),
        (("c", 0), ("P", 9), What.CHANGED, False),
        (("~", 1), ("P", 1), What.CHANGED, False),
        (("P", 2), ("P", 3), What.SLOWER, False),
        (("P", 2), ("P", 2.9), None, False),
        (("P", 0.1), ("P", 0.9), None, False),
        (("P", 10), ("P", 14.9), None, False),
        (("P", 3), ("P", 2), What.FASTER, False),
        (("s", 0), ("s", 5), None, False),
        (None, ("P", 1), What.ADDED, False),
        (None, ("F", 1), What.ADDED, True),
        (("F", 1), None, What.GONE, False),
    ],
)
def test_what_became_of_a_job(before, after, what: What | None, worse: bool) -> None:
    found = differences(side(**({"a": before} if before else {})), side(**({"a": after} if after else {})))
    assert [each.what for each in found] == ([what] if what else [])
    assert any(each.worse for each in found) is worse


def test_the_most_telling_come_first() -> None:
    before = side(a=("P", 2), b=("P", 2), c=("P", 30), d=("F", 1), e=("F", 1), f=("P", 20), x=("F", 1))
    after = side(a=("P", 4), b=("P", 9), c=("P", 3), d=("P", 1), e=("F", 1), f=("F", 1), g=("F", 1))
    found = differences(before, after)
    assert [(each.job_id, each.what.value) for each in found] == [
        ("f", "new"),
        ("d", "fixed"),
        ("g", "added"),
        ("x", "gone"),
        ("b", "slower"),
        ("a", "slower"),
        ("c", "faster"),
    ]
    assert [each.factor for each in found[-3:]] == [4.5, 2.0, 0.1]
    assert still(before, after) == 1
