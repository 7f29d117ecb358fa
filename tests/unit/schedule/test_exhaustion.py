from __future__ import annotations

import errno

import pytest

from farm.model.job import Attempt, Failure
from farm.model.outcome import Outcome
from farm.schedule.exhaustion import exhausted


@pytest.mark.parametrize(
    ("step", "number", "expected"),
    [
        ("launch", errno.EMFILE, True),
        ("open log", errno.ENFILE, True),
        ("clone3", errno.EAGAIN, True),
        ("clone3", errno.ENOSPC, True),
        ("open log", errno.ENOSPC, False),
        ("mount overlay", errno.ENOENT, False),
        ("memory", errno.ENOMEM, False),
    ],
)
def test_which_failures_are_for_want_of_room(step, number, expected) -> None:
    failure = Failure(step, "so", number)
    assert exhausted(Attempt("1", 1, Outcome.ERROR, 0.0, failure=failure)) == expected
    assert not exhausted(Attempt("1", 1, Outcome.CANCELLED, 0.0, failure=failure))
    assert not exhausted(Attempt("1", 1, Outcome.ERROR, 0.0, failure=failure, wait_status=0))


def test_an_error_without_a_failure_is_none() -> None:
    assert not exhausted(Attempt("1", 1, Outcome.ERROR, 0.0))
