from __future__ import annotations

import math

import pytest

from farm.model.job import ImageKey, Prepare
from farm.report.going import clock, in_use, left, waits
from farm.schedule.policy import Budget
from farm.schedule.standing import Standing, Used, Why

GIVEN = Budget(16, 16.0, 40 << 30, 10 << 30, 2)
PREPARED = ImageKey("debian-12", Prepare("apt-get install make", ("sh",)))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (754, "12:34"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_clock(seconds, text) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "a few seconds left"),
        (7.1, "about 5 s left"),
        (57, "about 55 s left"),
        (58, "about 1m00s left"),
        (254, "about 4m10s left"),
        (594, "about 9m50s left"),
        (600, "about 10m left"),
        (3599, "about 1h00m left"),
        (7 * 3600 + 14 * 60, "about 7h10m left"),
    ],
)
def test_an_estimate_is_as_exact_as_one_is(seconds, text) -> None:
    assert left(seconds) == text


def test_why_jobs_wait_what_most_wait_for_first() -> None:
    images = (
        (ImageKey("alpine"), 3),
        (PREPARED, 2),
        (ImageKey("debian-12"), 3),
        (ImageKey("b"), 1),
        (ImageKey("c"), 1),
    )
    standing = Standing(GIVEN, Used(), 16, {Why.NEEDS: 2, Why.IMAGE: 10, Why.SLOTS: 20, Why.GROUP: 0}, images)
    assert waits(standing) == (
        "32 waiting: 20 for a slot, 10 for an image (debian-12, alpine, b and 1 more), 2 for needs"
    )


def test_a_run_that_stops_says_why_and_one_in_which_nothing_waits_says_nothing() -> None:
    assert waits(Standing(GIVEN, Used(), 16)) == ""
    assert waits(Standing(GIVEN, Used(), 16, stopped="the run was interrupted")) == "stopping: the run was interrupted"


def test_budget_in_use() -> None:
    used = Used(4, 2.5, 8 << 30)
    assert in_use(Standing(GIVEN, used, 16)) == "4 of 16 running, quotas: 2.5 of 16 cpus, 8 of 40 GiB memory"
    under_j = Budget(300, math.inf, 40 << 30, 10 << 30, 2)
    assert in_use(Standing(under_j, Used(4, 2.5, 512 << 20), 2)) == (
        "4 of 2 (usually 300) running, quotas: 2.5 cpus, 512 MiB of 40 GiB memory"
    )
