"""C05, C06, C07, C09: what is too much for one container hurts that one, and nobody beside it."""

from __future__ import annotations

import resource

import pytest

from farm.model.limits import Limits
from farm.model.outcome import Outcome
from tests.kernel.engine.conftest import make_job

MIB = 1 << 20
NEIGHBOUR = "i=0; while [ $i -lt 100 ]; do /bin/true; : >/tmp/f$i; i=$((i + 1)); done; echo unharmed"


def neighbours(count: int):
    return [
        make_job(NEIGHBOUR, id=f"neighbour/{n}", limits=Limits(memory_bytes=64 * MIB, pids=16)) for n in range(count)
    ]


def unharmed(done) -> bool:
    others = [each for name, each in done.items() if name.startswith("neighbour/")]
    return len(others) > 0 and all((attempt.outcome, log) == (Outcome.PASSED, b"unharmed\n") for attempt, log in others)


def test_C05_fork_bomb(run_all):
    bomb = make_job("b() { b | b & }; b; sleep 100", id="bomb/x", limits=Limits(pids=40), timeout_s=3)
    done = run_all([bomb, *neighbours(4)])
    attempt, _ = done["bomb/x"]
    assert attempt.outcome in (Outcome.TIMEOUT, Outcome.FAILED)
    assert attempt.usage.pids_refused
    assert unharmed(done)


def test_C05_memory_bomb(run_all):
    bomb = make_job("tail /dev/zero", id="bomb/x", limits=Limits(memory_bytes=64 * MIB))
    done = run_all([bomb, *neighbours(4)])
    attempt, _ = done["bomb/x"]
    assert attempt.outcome is Outcome.OOM
    assert attempt.usage.memory_peak_bytes <= 66 * MIB
    assert unharmed(done)


@pytest.mark.parametrize("folder", ["/", "/tmp", "/dev/shm", "/dev"])
def test_C05_filling_a_folder(run_all, folder):
    script = f"dd if=/dev/zero of={folder}/fill bs=1M count=300"
    filler = make_job(script, id="filler/x", limits=Limits(memory_bytes=96 * MIB))
    done = run_all([filler, *neighbours(2)])
    attempt, log = done["filler/x"]
    assert attempt.outcome is Outcome.OOM or (attempt.outcome is Outcome.FAILED and b"No space left" in log)
    assert (attempt.usage.memory_peak_bytes or 0) <= 98 * MIB
    assert unharmed(done)


def test_C05_ten_thousand_open_files(run):
    script = 'for (1..10000) { open my $h, "<", "/dev/null" or die "$_: $!"; push @f, $h } print scalar @f'
    attempt, log = run(script, "ubuntu-24.04", argv=("perl", "-e", script))
    assert (attempt.outcome, log) == (Outcome.PASSED, b"10000") or b"Too many open files" in log


@pytest.mark.slow_in_vm
def test_C05_cpu_burner_costs_its_share(run_all):
    script = "timeout 2 sh -c 'while :; do :; done' || true"
    burners = [make_job(script, id=f"burner/{number}", limits=Limits(cpus=0.1)) for number in range(2)]
    done = run_all([*burners, *neighbours(1)])
    for number in range(2):
        attempt, _ = done[f"burner/{number}"]
        assert attempt.outcome is Outcome.PASSED
        assert attempt.usage.cpu_s <= 0.1 * attempt.duration_s + 0.15
        assert attempt.usage.throttled_periods
    assert unharmed(done)


@pytest.mark.slow_in_vm
def test_C05_work_of_one_second_takes_two_at_half_a_core(run):
    script = "i=0; while [ $i -lt 400000 ]; do i=$((i + 1)); done"
    free, _ = run(script, limits=Limits(cpus=1))
    held, _ = run(script, limits=Limits(cpus=0.5))
    assert held.usage.cpu_s == pytest.approx(free.usage.cpu_s, rel=0.5)
    assert held.duration_s > held.usage.cpu_s * 1.5


def test_C06_exactly_the_greedy_one_of_many_is_oom(run_all):
    quota = Limits(memory_bytes=48 * MIB)
    greedy = make_job("tail /dev/zero", id="greedy/x", limits=quota)
    modest = [
        make_job("head -c 8000000 /dev/zero | tail -c 1 | wc -c", id=f"modest/{n}", limits=quota) for n in range(40)
    ]
    done = run_all([*modest[:20], greedy, *modest[20:]])
    assert {name for name, (attempt, _) in done.items() if attempt.outcome is Outcome.OOM} == {"greedy/x"}
    assert {attempt.outcome for name, (attempt, _) in done.items() if name != "greedy/x"} == {Outcome.PASSED}


def test_C06_a_killed_child_makes_the_job_oom_even_if_the_shell_goes_on(run):
    attempt, log = run("tail /dev/zero || true; echo went on", limits=Limits(memory_bytes=48 * MIB))
    assert attempt.outcome is Outcome.OOM
    assert attempt.wait_status == 0
    assert b"went on" in log


@pytest.mark.slow_in_vm
def test_C07_a_flood_leaves_the_farms_memory_flat(run):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    attempt, log = run("head -c 300000000 /dev/zero | tr '\\0' x")
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert attempt.outcome is Outcome.PASSED
    assert attempt.log_truncated
    assert attempt.log_bytes == MIB
    assert log.startswith(b"x" * MIB + b"\n[farm: log truncated after 1048576 bytes, 298951424 more were dropped]")
    assert grown_kib < 16 << 10


def test_C07_bytes_are_kept_as_they_are(run):
    attempt, log = run(r"printf 'a\000b\377\r\n\033[31mred'")
    assert attempt.outcome is Outcome.PASSED
    assert log == b"a\0b\xff\r\n\x1b[31mred"
    assert not attempt.log_truncated


def test_C07_a_log_of_exactly_the_cap_is_whole(run):
    attempt, log = run(f"head -c {MIB} /dev/zero")
    assert log == bytes(MIB)
    assert not attempt.log_truncated


def test_C09_a_thousand_orphans_are_reaped(run):
    attempt, log = run(
        """
        i=0; while [ $i -lt 1000 ]; do (/bin/true &); i=$((i + 1)); done
        left() { ls -d /proc/[0-9]* 2>/dev/null | wc -l; }
        tries=0
        while [ "$(left)" -gt 8 ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
        cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z ' || true
        """,
        limits=Limits(pids=1200),
    )
    assert attempt.outcome is Outcome.PASSED
    assert log.strip() == b"0"


def test_C04_daemons_that_want_to_stay_do_not(run, slowdown):
    attempt, log = run(
        """
        (setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' &)
        (setsid setsid sleep 4716 &)
        nohup sleep 4716 >/dev/null 2>&1 &
        echo out
        """,
        timeout_s=20 * slowdown,
    )
    assert attempt.outcome is Outcome.PASSED
    assert attempt.duration_s < 5 * slowdown
    assert log.startswith(b"out\n")
