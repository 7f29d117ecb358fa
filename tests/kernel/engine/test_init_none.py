"""``init: none``: the command is PID 1 itself; its outcome, its limits and its end are as they are elsewhere."""

from __future__ import annotations

import asyncio
import signal

import psutil
import pytest

from farm.model.limits import Limits
from farm.model.mount import Mount, MountMode
from farm.model.outcome import Outcome
from farm.model.rules import Artifacts
from tests.kernel.engine.live import launched, zygote

IMAGES = ["alpine-3.20", "ubuntu-12.04", "centos-7"]
MIB = 1 << 20


@pytest.mark.parametrize("distro", IMAGES)
def test_the_command_is_process_1(run, distro):
    attempt, log = run(
        """
        test $$ = 1; read -r line < /proc/1/comm; echo $line
        while read -r key value; do case $key in
            NoNewPrivs:) test "$value" = 1 ;;
            Seccomp:) test "$value" = 2 ;;
            CapEff:|CapPrm:|CapBnd:) test "$value" = 00000000800405fb ;;
            SigIgn:|SigBlk:) echo "$key$value" ;;
        esac; done < /proc/1/status
        ls /proc/self/fd | tr '\\n' ' '; cat /proc/1/oom_score_adj; pwd
        """,
        distro,
        init=False,
        working_directory="/tmp",
    )
    assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)
    lines = log.decode().split("\n")
    assert lines[0] in ("sh", "bash", "busybox")
    assert lines[1] == "SigBlk:0000000000000000"
    assert lines[2] in ("SigIgn:0000000000000000", "SigIgn:0000000000000004")  # BusyBox' shell ignores SIGQUIT
    assert lines[3].startswith("0 1 2 ")
    assert lines[4] == "/tmp"


@pytest.mark.parametrize(
    ("script", "outcome", "reason"),
    [
        ("echo fine", Outcome.PASSED, ""),
        ("exit 3", Outcome.FAILED, "exit status 3"),
        ("echo no GPU; exit 77", Outcome.SKIPPED, "no GPU"),
        ("exec /bin/true", Outcome.PASSED, ""),
        ("/bin/true", Outcome.PASSED, ""),
    ],
)
def test_outcomes(run, script, outcome, reason):
    attempt, _ = run(script, init=False)
    assert (attempt.outcome, attempt.reason) == (outcome, reason)
    assert attempt.usage.cpu_s is not None


def test_a_user_without_capabilities(run):
    attempt, log = run(
        "id -u; id -g; grep Cap /proc/self/status | cut -f2 | sort -u; cat /proc/1/environ | wc -c",
        init=False,
        user="nobody",
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert log.split()[:3] == [b"65534", b"65534", b"0" * 16]


def test_timeout_of_who_heeds_sigterm_and_of_who_does_not(run, slowdown):
    attempt, log = run(
        "trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done", init=False, timeout_s=0.5 * slowdown
    )
    assert attempt.outcome is Outcome.TIMEOUT
    assert log.endswith(b"bye\n")
    attempt, log = run("echo deaf; sleep 100", init=False, timeout_s=0.4 * slowdown, grace_s=0.3 * slowdown)
    assert (attempt.outcome, log) == (Outcome.TIMEOUT, b"deaf\n")
    assert attempt.wait_status == signal.SIGKILL


def test_out_of_memory(run):
    attempt, _ = run("tail /dev/zero", init=False, limits=Limits(memory_bytes=32 * MIB))
    assert attempt.outcome is Outcome.OOM


def test_what_it_leaves_running_dies_with_it(run):
    attempt, log = run("(setsid sleep 1000 &); sleep 1000 & echo out", init=False)
    assert (attempt.outcome, log) == (Outcome.PASSED, b"out\n")


def test_C02_steps_that_fail_and_commands_that_are_not_there(run):
    attempt, _ = run("", init=False, argv=("/no/such/shell", "-c", "true"))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.failure is not None
    assert (attempt.failure.step, attempt.failure.errno) == ("exec", 2)
    assert attempt.wait_status is None
    attempt, _ = run("true", init=False, working_directory="/no/such")
    assert attempt.reason.startswith("working-directory: ")
    attempt, _ = run("true", init=False, hostname="x" * 65)
    assert attempt.reason.startswith("set hostname: ")


def test_mounts_and_artifacts(run, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "given").write_text("given\n")
    attempt, log = run(
        "cat /src/given; echo x > /src/made",
        init=False,
        mounts=(Mount(str(tmp_path / "src"), "/src", MountMode.OVERLAY),),
        artifacts=Artifacts(("/src/made",)),
    )
    assert (attempt.outcome, log) == (Outcome.PASSED, b"given\n")
    assert (tmp_path / attempt.artifacts_path / "src/made").read_text() == "x\n"


def test_privileged(run):
    attempt, log = run("mount -t tmpfs none /mnt; echo $$", init=False, privileged=True)
    assert (attempt.outcome, log) == (Outcome.PASSED, b"1\n")


@pytest.mark.parametrize("script", ["always", "debug"])
def test_scripts_after_it_are_refused(run, script):
    attempt, _ = run("true", init=False, **{script: "true"})
    assert attempt.outcome is Outcome.ERROR
    assert f"{script} cannot be with init: none" in attempt.reason


async def monitors(live):
    """Once the container is told of: its command may have printed before its monitor has got its name."""
    while live.container.unborn:
        await asyncio.sleep(0.01)
    return [each for each in psutil.Process().children(recursive=True) if each.name() == "farm-monitor"]


def test_C01_without_its_monitor_it_is_killed(unpacked):
    rootfs = unpacked("alpine-3.20")

    async def talk():
        async with zygote(rootfs) as client, launched(client, rootfs, "echo $$; sleep 1000", init=False) as live:
            assert await live.line() == b"1\n"
            (monitor,) = await monitors(live)
            monitor.send_signal(signal.SIGKILL)
            return await live.end()

    ended = asyncio.run(talk())
    assert ended.status is None


def test_C01_it_does_not_outlive_the_orchestrator_by_clearing_its_parent_death_signal(unpacked, tmp_path):
    """What the orchestrator does when it is killed: its end of the container's socket closes, and nobody asks."""
    rootfs = unpacked("ubuntu-24.04")

    async def talk():
        async with zygote(rootfs) as client, launched(client, rootfs, "echo $$; sleep 1000", init=False) as live:
            assert await live.line() == b"1\n"
            (monitor,) = await monitors(live)
            (command,) = monitor.children()
            live.container._loop.remove_reader(live.container._control.fileno())
            live.container._control.shutdown(2)
            _, alive = await asyncio.to_thread(psutil.wait_procs, [monitor, command], 20)
            live.container._die()
            return alive

    assert asyncio.run(talk()) == []
