"""``always``, ``debug``, ``idle-timeout``, ``expect`` and why a job was skipped, each by a real command."""

from __future__ import annotations

import asyncio
import os

import pytest

from farm.engine.local import LocalEngine
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay
from farm.model.limits import Limits
from farm.model.outcome import Outcome
from farm.model.ports import Work
from farm.model.rules import Expect
from tests.kernel.engine.conftest import make_job

IMAGES = ["alpine-3.20", "ubuntu-12.04", "centos-7"]
MIB = 1 << 20


@pytest.mark.parametrize("distro", IMAGES)
def test_always_runs_in_the_same_container_after_good_and_bad(run, distro):
    for command, outcome in (("", Outcome.PASSED), ("exit 3", Outcome.FAILED)):
        attempt, log = run(
            f"echo one; echo left > /left; {command}", distro, always="cat /left; echo $FARM_OUTCOME $FARM_JOB"
        )
        assert attempt.outcome is outcome
        told = f"{outcome.value} test/alpine-3.20".encode()
        assert log.splitlines() == [b"one", b"[farm: always]", b"left", told]
        assert attempt.log_bytes == len(log)


@pytest.mark.parametrize("distro", IMAGES)
def test_debug_runs_only_after_bad_and_before_always(run, distro):
    attempt, log = run("printf unended; exit 3", distro, debug="echo why", always="echo done")
    assert (attempt.outcome, attempt.reason) == (Outcome.FAILED, "exit status 3")
    assert log == (b"unended\n[farm: debug, for the command is failed: exit status 3]\nwhy\n[farm: always]\ndone\n")
    attempt, log = run("true", distro, debug="echo why", always="echo done")
    assert (attempt.outcome, log) == (Outcome.PASSED, b"[farm: always]\ndone\n")
    attempt, log = run("echo fine", distro, debug="echo why")
    assert (attempt.outcome, log) == (Outcome.PASSED, b"fine\n")


def test_its_exit_status_changes_nothing_and_is_told(run):
    attempt, log = run("true", always="exit 4")
    assert (attempt.outcome, attempt.reason, attempt.wait_status) == (Outcome.PASSED, "", 0)
    assert log == b"[farm: always]\n[farm: always failed: exit status 4]\n"
    attempt, log = run("exit 3", debug="kill -SEGV $$")
    assert (attempt.outcome, attempt.reason) == (Outcome.FAILED, "exit status 3")
    assert log.splitlines()[-1].startswith(b"[farm: debug failed: killed by SIGSEGV")


def test_they_run_as_the_command_did(run):
    attempt, log = run(
        "id -u; pwd", user="nobody", working_directory="/tmp", env=(("GIVEN", "yes"),), always="id -u; pwd; echo $GIVEN"
    )
    assert attempt.outcome is Outcome.PASSED
    assert log == b"65534\n/tmp\n[farm: always]\n65534\n/tmp\nyes\n"


def test_they_run_after_a_timeout_whatever_the_command_did_about_it(run, slowdown):
    attempt, log = run(
        "echo x > /left; trap '' TERM; echo deaf; while :; do sleep 1; done",
        timeout_s=0.5 * slowdown,
        grace_s=0.3 * slowdown,
        debug="cat /left",
        always="echo done; ps | grep -c sleep || true",
    )
    assert attempt.outcome is Outcome.TIMEOUT
    assert attempt.reason == f"ran longer than its timeout of {0.5 * slowdown:g} s"
    assert log.splitlines()[0] == b"deaf"
    assert log.splitlines()[2:5] == [b"x", b"[farm: always]", b"done"]
    assert attempt.duration_s < 10 * slowdown


def test_they_run_after_the_kernel_killed_for_memory_and_do_not_count(run):
    attempt, log = run("echo x > /left; tail /dev/zero", limits=Limits(memory_bytes=32 * MIB), debug="cat /left")
    assert attempt.outcome is Outcome.OOM
    assert log.splitlines()[-1] == b"x"
    attempt, log = run("true", limits=Limits(memory_bytes=32 * MIB), always="tail /dev/zero")
    assert (attempt.outcome, attempt.reason) == (Outcome.PASSED, "")
    assert b"[farm: always failed: killed by SIGKILL" in log


def test_they_do_not_run_where_the_command_never_began(run):
    attempt, log = run("", argv=("/no/such/shell", "-c", "true"), always="echo done", debug="echo why")
    assert attempt.outcome is Outcome.ERROR
    assert attempt.failure is not None
    assert attempt.failure.step == "exec"
    assert log == b""


def test_what_the_command_left_running_is_gone_before(run):
    attempt, log = run("(setsid sleep 1000 &); sleep 1000 & true", always="ps | grep -c '[s]leep 1000' || true")
    assert attempt.outcome is Outcome.PASSED
    assert log == b"[farm: always]\n0\n"


def test_a_script_that_vanishes_with_its_directory_says_so(run):
    attempt, log = run("mkdir /w; true", always="echo done", working_directory="/tmp")
    assert log == b"[farm: always]\ndone\n"
    attempt, log = run("rmdir /mnt", always="echo done", working_directory="/mnt")
    assert attempt.outcome is Outcome.PASSED
    assert b"[farm: always could not be run: working-directory: " in log


def test_a_log_that_is_full_has_room_for_them(run):
    attempt, log = run("head -c 3000000 /dev/zero; exit 1", debug="echo why")
    assert attempt.outcome is Outcome.FAILED
    assert attempt.log_truncated
    assert log.count(b"log truncated") == 1
    assert log.endswith(b"why\n")


def test_a_script_that_takes_too_long_is_ended(run, slowdown):
    attempt, log = run(
        "true",
        always="trap '' TERM; echo begun; while :; do sleep 1; done",
        grace_s=0.3 * slowdown,
        script_limit_s=0.5 * slowdown,
    )
    assert attempt.outcome is Outcome.PASSED
    assert log.splitlines()[1] == b"begun"
    assert b"[farm: always failed: killed by SIGKILL (Killed), for it ran longer than" in log


def test_cancelled_in_the_command_nothing_more_runs(unpacked, tmp_path):
    rootfs = unpacked("alpine-3.20")

    async def cancelled():
        engine = LocalEngine(f"test-{os.getpid()}", str(tmp_path), (rootfs,), IdMap(0x70000000), grace_s=1.0)
        await engine.start()
        image = Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), read_facts(rootfs))
        job = make_job("echo begun; sleep 100", always="echo done", debug="echo why")
        try:
            running = asyncio.ensure_future(engine.run(Work(job, image, 1)))
            log = tmp_path / "logs/test@alpine-3.20/1.log"
            while not (log.exists() and log.read_bytes()):
                await asyncio.wait((running,), timeout=0.02)
            engine.cancel(job.id)
            return await running, log.read_bytes()
        finally:
            await engine.close()

    attempt, log = asyncio.run(cancelled())
    assert (attempt.outcome, log) == (Outcome.CANCELLED, b"begun\n")


# idle-timeout


@pytest.mark.parametrize("distro", IMAGES)
def test_C08_silence_is_ended_and_the_log_kept(run, slowdown, distro):
    attempt, log = run("echo before; sleep 100", distro, idle_timeout_s=0.5 * slowdown)
    assert attempt.outcome is Outcome.TIMEOUT
    assert attempt.reason == f"printed nothing for its idle-timeout of {0.5 * slowdown:g} s"
    assert log == b"before\n"
    assert attempt.duration_s < 10 * slowdown


def test_C08_silence_of_a_job_that_ignores_sigterm(run, slowdown):
    attempt, log = run(
        "trap '' TERM; echo deaf; while :; do sleep 1; done", idle_timeout_s=0.4 * slowdown, grace_s=0.3 * slowdown
    )
    assert (attempt.outcome, log) == (Outcome.TIMEOUT, b"deaf\n")


@pytest.mark.slow_in_vm
def test_who_prints_now_and_then_is_left_alone(run):
    attempt, _ = run("for i in 1 2 3 4 5 6; do sleep 0.25; echo $i; done", idle_timeout_s=1.0)
    assert attempt.outcome is Outcome.PASSED


# expect


@pytest.mark.parametrize(
    ("script", "expect", "outcome", "reason"),
    [
        ("exit 3", Expect.FAIL, Outcome.XFAILED, "exit status 3, as expected"),
        ("true", Expect.FAIL, Outcome.XPASSED, "passed, and was expected to fail"),
        ("exit 77", Expect.FAIL, Outcome.SKIPPED, "exit status 77"),
        ("exit 3", Expect.ANY, Outcome.PASSED, "exit status 3, which may be"),
        ("true", Expect.ANY, Outcome.PASSED, ""),
        ("exit 77", Expect.ANY, Outcome.SKIPPED, "exit status 77"),
    ],
)
def test_expect(run, script, expect, outcome, reason):
    attempt, _ = run(script, expect=expect)
    assert (attempt.outcome, attempt.reason) == (outcome, reason)


@pytest.mark.parametrize("expect", [Expect.FAIL, Expect.ANY])
def test_what_no_expectation_turns(run, slowdown, expect):
    assert run("sleep 100", timeout_s=0.3 * slowdown, expect=expect)[0].outcome is Outcome.TIMEOUT
    assert run("tail /dev/zero", limits=Limits(memory_bytes=16 * MIB), expect=expect)[0].outcome is Outcome.OOM
    assert run("", argv=("/no/such/shell",), expect=expect)[0].outcome is Outcome.ERROR


# why it was skipped


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo needs a GPU; echo; exit 77", "needs a GPU"),
        ("echo first; printf 'no \\033[31mnetwork\\033[0m here'; exit 77", "no network here"),
        ("exit 77", "exit status 77"),
        ("printf '%5000s' x; exit 77", "x"),
    ],
)
def test_the_reason_of_a_skip_is_the_logs_last_line(run, script, reason):
    attempt, _ = run(script)
    assert (attempt.outcome, attempt.reason) == (Outcome.SKIPPED, reason)


def test_the_reason_of_a_skip_is_not_what_always_printed(run):
    attempt, log = run("echo no GPU; exit 5", skip_exit_code=5, always="echo done")
    assert (attempt.outcome, attempt.reason) == (Outcome.SKIPPED, "no GPU")
    assert log.endswith(b"done\n")
