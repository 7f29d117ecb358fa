"""An event costs what it changes, however many jobs there are."""

from __future__ import annotations

import time

import pytest

from farm.model.outcome import Outcome
from farm.schedule import order, policy
from farm.schedule.events import Finish, Start
from tests.unit.schedule.jobs import MIB, begun, failed, make_job, passed

BUDGET = policy.budget(2, 1 << 40, slots=16)


def drained_s(count: int) -> float:
    """Processor seconds that a whole run of ``count`` jobs with everything in it takes, for each job."""
    jobs = [
        make_job(
            f"t{n % 40}/d[n={n}]",
            cpus=(0.5, 1.0, 2.0)[n % 3],
            memory_bytes=(64 + n % 7) * MIB,
            test=f"t{n % 40}",
            retries=1,
            max_parallel=4 if n % 40 == 1 else 0,
            group=f"g{n % 1000}" if n % 10 == 0 else "",
            needs=(f"t{(n - 1) % 40}/d[n={n - 1}]",) if n % 5 == 0 and n else (),
        )
        for n in range(count)
    ]
    begun_s = time.process_time()
    scheduler, commands = begun(jobs, BUDGET, ranks=order.ranks(jobs, {}))
    running = [each for each in commands if isinstance(each, Start)]
    finished = 0
    while running:
        each = running.pop(0)
        bad = each.number == 1 and hash(each.job_id) % 10 == 0
        for command in scheduler.step(failed(each.job_id) if bad else passed(each.job_id)):
            if isinstance(command, Start):
                running.append(command)
            elif isinstance(command, Finish):
                assert command.outcome in (Outcome.PASSED, Outcome.FLAKY)
                finished += 1
    assert finished == count
    return (time.process_time() - begun_s) / count


@pytest.mark.slow_in_vm
def test_50000_jobs_cost_about_as_much_each_as_2000() -> None:
    few = min(drained_s(2_000) for _ in range(2))
    assert drained_s(50_000) < 4 * few
