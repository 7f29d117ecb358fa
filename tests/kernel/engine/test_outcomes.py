"""Each outcome of an attempt, produced on purpose by a real cause."""

from __future__ import annotations

import signal

import pytest

from farm.model.limits import Limits
from farm.model.outcome import Outcome

MIB = 1 << 20


def test_passed(run):
    attempt, log = run("echo fine")
    assert attempt.outcome is Outcome.PASSED
    assert attempt.wait_status == 0
    assert log == b"fine\n"


def test_failed_by_exit_status(run):
    attempt, _ = run("exit 3")
    assert (attempt.outcome, attempt.reason) == (Outcome.FAILED, "exit status 3")


def test_failed_by_signal(run):
    attempt, _ = run("kill -SEGV $$")
    assert attempt.outcome is Outcome.FAILED
    assert attempt.wait_status is not None
    assert attempt.wait_status & 0x7F == signal.SIGSEGV
    assert "SIGSEGV" in attempt.reason


def test_exit_137_alone_is_not_oom(run):
    attempt, _ = run("exit 137")
    assert attempt.outcome is Outcome.FAILED


def test_skipped(run):
    attempt, _ = run("exit 77")
    assert attempt.outcome is Outcome.SKIPPED


def test_timeout_keeps_the_partial_log(run, slowdown):
    attempt, log = run("echo before; sleep 100", timeout_s=0.5 * slowdown)
    assert attempt.outcome is Outcome.TIMEOUT
    assert log == b"before\n"


def test_C08_timeout_of_a_job_that_ignores_sigterm(run, slowdown):
    attempt, log = run("trap '' TERM; echo deaf; while :; do sleep 1; done", timeout_s=0.5 * slowdown, grace_s=0.3)
    assert attempt.outcome is Outcome.TIMEOUT
    assert attempt.duration_s < 5 * slowdown
    assert log == b"deaf\n"


def test_C17_timeout_of_a_stopped_job(run, slowdown):
    attempt, _ = run("kill -STOP $$; echo woken", timeout_s=0.5 * slowdown, grace_s=0.3)
    assert attempt.outcome is Outcome.TIMEOUT


def test_C06_oom_by_allocating(run):
    attempt, _ = run("tail /dev/zero", limits=Limits(memory_bytes=32 * MIB))
    assert attempt.outcome is Outcome.OOM
    assert attempt.usage.oom_kills


def test_C05_oom_by_filling_the_scratch_space(run):
    attempt, _ = run("dd if=/dev/zero of=/fill bs=1M count=200", limits=Limits(memory_bytes=32 * MIB))
    assert attempt.outcome in (Outcome.OOM, Outcome.FAILED)  # killed, or ENOSPC where the tmpfs' own size came first
    assert (attempt.usage.memory_peak_bytes or 0) <= 33 * MIB


def test_C05_fork_bomb_stays_in_its_quota(run):
    attempt, _ = run("for i in $(seq 100); do sleep 60 & done; wait", limits=Limits(pids=20), timeout_s=10)
    assert attempt.outcome is Outcome.FAILED
    assert attempt.usage.pids_refused


@pytest.mark.slow_in_vm
@pytest.mark.timeout(60)
def test_cpu_quota_halves_two_seconds_of_spinning(run):
    attempt, _ = run("timeout 2 sh -c 'while :; do :; done' || true", limits=Limits(cpus=0.5))
    assert attempt.outcome is Outcome.PASSED
    assert attempt.usage.cpu_s < 1.3
    assert attempt.usage.throttled_periods or attempt.usage.cpu_s < 0.9  # less where others want the cores


def test_C14_missing_shell_is_an_error_of_the_farm_that_says_so(run):
    attempt, _ = run("", argv=("/no/such/shell", "-c", "true"))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.failure is not None
    assert (attempt.failure.step, attempt.failure.errno) == ("exec", 2)
    assert "/no/such/shell" in attempt.failure.hint


def test_C04_daemons_and_open_pipes_do_not_hold_the_attempt(run, slowdown):
    attempt, log = run("(setsid sleep 1000 &) ; (trap '' TERM HUP; sleep 1000) & echo out", timeout_s=20 * slowdown)
    assert attempt.outcome is Outcome.PASSED
    assert attempt.duration_s < 10 * slowdown
    assert log == b"out\n"


def test_C09_orphans_are_reaped(run):
    attempt, log = run(
        "for i in $(seq 200); do sh -c 'sleep 0 & exit' & done; wait; sleep 0.5;"
        " grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l",
        limits=Limits(pids=1000),
    )
    assert attempt.outcome is Outcome.PASSED
    assert log.strip() == b"0"


def test_C07_flood_is_capped_and_marked(run):
    attempt, log = run("head -c 8000000 /dev/zero")
    assert attempt.outcome is Outcome.PASSED
    assert attempt.log_truncated
    assert attempt.log_bytes == 1 << 20
    assert b"log truncated" in log[-200:]
