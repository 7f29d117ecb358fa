"""Why jobs wait, for each reason that there is; and that every job is counted once."""

from __future__ import annotations

import pytest

from farm.model.outcome import Outcome
from farm.schedule import policy
from farm.schedule.events import AttemptEnded, Begin, ImageReady, Interrupted, Pressure
from farm.schedule.policy import Budget, Demand
from farm.schedule.standing import Used, Why, held_back
from farm.schedule.state import PATIENCE, Scheduler
from tests.unit.schedule.jobs import MIB, PREPARED, WIDE, A, B, begun, make_job, passed

ONE_SLOT = policy.budget(1, 100 * MIB, slots=1)


def waiting(scheduler: Scheduler) -> dict[Why, int]:
    return {why: count for why, count in scheduler.standing().waiting.items() if count}


def test_images_first_then_needs() -> None:
    jobs = [make_job("1"), make_job("2", PREPARED), make_job("3", B, needs=("1",)), make_job("4", B)]
    scheduler = Scheduler(jobs, WIDE)
    scheduler.step(Begin())
    standing = scheduler.standing()
    assert standing.waiting == {Why.IMAGE: 4}
    assert standing.images == ((A, 1), (PREPARED, 1), (B, 2))
    scheduler.step(ImageReady(A))
    scheduler.step(ImageReady(B))
    standing = scheduler.standing()
    assert standing.waiting == {Why.IMAGE: 1, Why.NEEDS: 1}
    assert standing.images == ((PREPARED, 1),)
    assert standing.used == Used(2, 2.0, 2 * MIB)
    scheduler.step(passed("1"))
    assert waiting(scheduler) == {Why.IMAGE: 1}


def test_what_is_over_waits_for_no_image() -> None:
    scheduler = Scheduler([make_job("1"), make_job("2", B, condition="if: false")], WIDE)
    scheduler.step(Begin())
    assert scheduler.standing().images == ((A, 1),)


def test_a_slot() -> None:
    scheduler, _ = begun([make_job(str(n)) for n in range(4)], ONE_SLOT)
    assert waiting(scheduler) == {Why.SLOTS: 3}
    assert scheduler.standing().at_most == 1


@pytest.mark.parametrize(
    ("given", "why"),
    [(Budget(9, 2.0, 100 * MIB, 100 * MIB, 9), Why.CPUS), (Budget(9, 9.0, 2 * MIB, 2 * MIB, 9), Why.MEMORY)],
)
def test_quotas(given: Budget, why: Why) -> None:
    scheduler, _ = begun([make_job(str(n)) for n in range(4)], given)
    assert waiting(scheduler) == {why: 2}


def test_bounds_of_the_file() -> None:
    tests = [make_job(f"t{n}", test="t", max_parallel=1) for n in range(3)]
    groups = [make_job(f"g{n}", group="g") for n in range(5)]
    scheduler, _ = begun([*tests, *groups], WIDE)
    assert waiting(scheduler) == {Why.MAX_PARALLEL: 2, Why.GROUP: 4}


def test_a_host_that_is_short_and_one_that_ran_out() -> None:
    scheduler, _ = begun([make_job(str(n)) for n in range(9)], Budget(4, 9.0, 100 * MIB, 100 * MIB, 9))
    scheduler.step(Pressure(2))
    assert waiting(scheduler) == {Why.PRESSURE: 5}
    assert scheduler.standing().at_most == 2
    scheduler.step(Pressure(0))
    scheduler.step(AttemptEnded("0", Outcome.ERROR, "clone3: EAGAIN", exhausted=True))
    assert waiting(scheduler) == {
        Why.EXHAUSTED: 6
    }  # the one that waits a little, and those that it keeps from starting


def test_room_that_is_kept_for_a_large_job() -> None:
    given = Budget(9, 9.0, 4 * MIB, 4 * MIB, 9)
    small = [make_job(f"s{n}", memory_bytes=2 * MIB) for n in range(2 * PATIENCE)]
    scheduler, _ = begun([small[0], small[1], make_job("large", memory_bytes=4 * MIB), *small[2:]], given)
    ended = 0
    while Why.TURN not in waiting(scheduler):
        scheduler.step(passed(f"s{ended}"))
        ended += 1
    assert waiting(scheduler)[Why.MEMORY] == 1


def test_nothing_waits_after_an_interrupt_and_it_is_said_why() -> None:
    scheduler, _ = begun([make_job(str(n)) for n in range(4)], ONE_SLOT)
    scheduler.step(Interrupted())
    assert waiting(scheduler) == {}
    assert scheduler.standing().stopped == "the run was interrupted"


def test_what_would_fit_waits_for_what_cannot_be_counted() -> None:
    given = Budget(4, 4.0, 4 * MIB, 4 * MIB, 4)
    used = Used(2, 2.0, 2 * MIB)
    wanted = Demand(1.0, MIB)
    assert held_back(wanted, given, used, ceiling=4, pressed=0) is Why.TURN
    assert held_back(wanted, given, used, ceiling=2, pressed=0) is Why.EXHAUSTED
    assert held_back(wanted, given, used, ceiling=4, pressed=1) is Why.PRESSURE
    assert held_back(Demand(3.0, 3 * MIB), given, used, ceiling=4, pressed=0) is Why.MEMORY
    assert held_back(Demand(3.0, MIB), given, used, ceiling=4, pressed=0) is Why.CPUS
