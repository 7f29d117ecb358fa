"""What is alive of a failed job is frozen with its container, and goes with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

import psutil
import pytest

from farm.engine.kept import Kept
from farm.engine.local import LocalEngine
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay
from farm.model.outcome import Outcome
from farm.model.ports import Work
from farm.model.rules import Expect
from tests.kernel.engine.conftest import make_job

BUSY = "while :; do :; done"
STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def marked(mark):
    """Living processes that have ``mark`` in their environment."""
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if each.environ().get("MARK") == mark and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


@pytest.fixture
def kept_job(unpacked, tmp_path, nothing_left):
    """Run a job whose container may be kept, then let ``look`` at what is kept of it; its attempt, its log, what was seen."""

    def run(script, look, **fields):
        mark = f"{os.getpid()}-{tmp_path.name}"
        rootfs = unpacked("alpine-3.20")
        kept = Kept()
        engine = LocalEngine(
            f"test-{os.getpid()}", str(tmp_path), (rootfs,), IdMap(0x70000000), grace_s=20.0, kept=kept
        )
        job = make_job(script, env=(("MARK", mark),), **fields)
        image = Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), read_facts(rootfs))

        async def scenario():
            await engine.start()
            try:
                attempt = await engine.run(Work(job, image, 1))
                seen = await look(kept, mark)
                kept.let_go(*kept.jobs)
                await kept.empty()
                return attempt, seen
            finally:
                await engine.close()

        attempt, seen = asyncio.run(scenario())
        assert marked(mark) == []
        return attempt, (tmp_path / attempt.log_path).read_bytes(), seen

    return run


async def frozen(kept, mark):
    """The processes that are kept, all of them stopped; they have used no cpu between two looks."""
    found = marked(mark)
    async with asyncio.timeout(30):  # a signal is heeded when its process has its turn, which a busy host gives it late
        while not {each.status() for each in found} <= set(STOPPED):
            await asyncio.sleep(0.01)
    used = [each.cpu_times()[:2] for each in found]
    before_s = time.process_time()
    while time.process_time() - before_s < 0.1:  # as long as a process that runs takes for ten ticks of its clock
        pass
    assert [each.cpu_times()[:2] for each in found] == used
    return len(found)


def test_what_a_failed_command_left_running_is_frozen_and_its_log_is_whole(kept_job):
    script = f"({BUSY}) & (trap '' TERM HUP; {BUSY}) & setsid sh -c '{BUSY}' & echo printed; exit 3"
    attempt, log, count = kept_job(script, frozen)
    assert (attempt.outcome, attempt.wait_status) == (Outcome.FAILED, 3 << 8)
    assert log == b"printed\n"
    assert count == 3


def test_processes_that_wake_each_other_and_fork_are_frozen_too(kept_job):
    script = "(while :; do kill -CONT -1; done) & (while :; do sh -c : & wait; done) & exit 3"
    _, _, count = kept_job(script, frozen)
    assert count >= 2


@pytest.mark.parametrize("limit", ["timeout_s", "idle_timeout_s"])
def test_a_command_that_ran_out_of_time_is_frozen_where_it_is(kept_job, slowdown, limit):
    attempt, log, count = kept_job(f"trap 'echo asked' TERM; echo on; {BUSY}", frozen, **{limit: 0.3 * slowdown})
    assert (attempt.outcome, attempt.wait_status) == (Outcome.TIMEOUT, None)
    assert log == b"on\n"  # it was not asked to end
    assert count == 1
    assert 0 < attempt.duration_s < 15 * slowdown


def test_always_and_debug_see_what_is_frozen_and_what_they_start_is_not(kept_job):
    attempt, log, _ = kept_job(
        f"({BUSY}) & exit 3", frozen, debug="grep -l '^State:.T' /proc/[0-9]*/status | wc -l", always="echo done"
    )
    assert attempt.outcome is Outcome.FAILED
    assert [line for line in log.splitlines() if not line.startswith(b"[farm")] == [b"1", b"done"]


async def nothing(kept, mark):
    assert kept.jobs == ()
    return marked(mark)


def test_of_a_good_job_nothing_is_kept_and_always_finds_nothing(kept_job):
    attempt, log, left = kept_job(
        f"({BUSY}) & exit 3", nothing, always="ls -d /proc/[0-9]* | wc -l", expect=Expect.FAIL
    )
    assert (attempt.outcome, left) == (Outcome.XFAILED, [])
    assert int(log.split()[-1]) <= 5  # PID 1 and those that count


async def entered(kept, mark):
    """Somebody kills the stopped command from a shell, which goes on, and what is left stays stopped."""
    room = kept.room("test/alpine-3.20")
    terminal = []
    words = "read main < /main; kill -9 $main; while [ -d /proc/$main ]; do :; done; exit 6"
    _, end = room.enter(("sh", "-c", words), bytes(8), "dumb", lambda fd: terminal.append(os.dup(fd)))
    try:
        return await asyncio.wait_for(end, 60), await frozen(kept, mark)
    finally:
        os.close(*terminal)


def test_whoever_kills_the_frozen_command_is_not_frozen(kept_job, slowdown):
    attempt, _, seen = kept_job(f"echo $$ > /main; ({BUSY}) & {BUSY}", entered, timeout_s=0.3 * slowdown)
    assert (attempt.outcome, seen) == (Outcome.TIMEOUT, (6, 1))
