"""What one container, the host or whoever started the farm does must not decide what becomes of another's test."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import glob
import os
import signal

import psutil
import pytest

from farm.engine import deadline, local
from farm.engine.local import LocalEngine
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay
from farm.model.outcome import Outcome
from farm.model.ports import Work
from tests.kernel.engine.conftest import make_job, run_jobs
from tests.kernel.engine.live import launched, zygote, zygote_of

RUN = f"neighbours-{os.getpid()}"


@pytest.fixture
def alpine(unpacked):
    return unpacked("alpine-3.20")


def image_of(rootfs):
    return Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), read_facts(rootfs))


def test_C05_memory_that_ran_out_elsewhere_is_not_the_jobs_quota(alpine, tmp_path):
    """The whole run is held to less than the job's quota: the kernel kills in the job's group, but not for its limit."""

    async def go():
        engine = LocalEngine(RUN, str(tmp_path), (alpine,), IdMap(0x70000000))
        await engine.start()
        try:
            files = glob.glob(f"/sys/fs/cgroup/**/farm/{RUN}/memory.limit_in_bytes", recursive=True)
            files += glob.glob(f"/sys/fs/cgroup/**/farm/{RUN}/memory.max", recursive=True)
            if not files:
                pytest.skip("needs the memory controller")
            with open(files[0], "w") as file:
                file.write(str(40 << 20))
            return await engine.run(Work(make_job("head -c 100000000 /dev/zero >/tmp/x"), image_of(alpine), 1))
        finally:
            await engine.close()

    attempt = asyncio.run(go())
    assert attempt.usage.oom_kills
    assert attempt.outcome is Outcome.ERROR
    assert (attempt.failure.step, attempt.failure.errno) == ("memory", errno.ENOMEM)
    assert "overcommit-memory" in attempt.failure.hint


def test_C05_what_is_limited_by_user_is_not_taken_from_root(alpine):
    """128 inotify instances are all that a user has: a container takes its own, and root keeps its."""
    libc = ctypes.CDLL(None, use_errno=True)

    async def go():
        script = "for n in $(seq 200); do inotifyd - /tmp & done 2>/dev/null; echo up; exec sleep 100"
        async with zygote(alpine) as client, launched(client, alpine, script) as live:
            assert await live.line() == b"up\n"
            made = [libc.inotify_init1(os.O_CLOEXEC) for _ in range(60)]
            try:
                assert min(made) >= 0, os.strerror(ctypes.get_errno())
            finally:
                for fd in made:
                    if fd >= 0:
                        os.close(fd)

    asyncio.run(go())


def test_containers_with_more_capabilities_have_a_user_namespace_of_their_own(alpine, tmp_path):
    """binfmt_misc is kept by user namespace: with SYS_ADMIN its interpreters would be everybody's."""
    script = "readlink /proc/self/ns/user; cat /proc/self/uid_map"
    added = {"plain/a": (), "plain/b": (), "trusted/a": ("SYS_ADMIN",)}
    # In one engine, so at one time: the kernel gives the number of a namespace that is gone to the next one.
    engine = LocalEngine(RUN, str(tmp_path), (alpine,), IdMap(0x70000000))
    jobs = [make_job(script, id=each, cap_add=caps) for each, caps in added.items()]
    logs = [(tmp_path / each.log_path).read_bytes() for each in asyncio.run(run_jobs(engine, alpine, jobs))]
    plain, again, trusted = (log.splitlines()[0] for log in logs)
    assert plain.startswith(b"user:[")
    assert plain == again
    assert b"1879048192      65536" in logs[2]
    assert trusted != plain


@pytest.mark.slow_in_vm
def test_a_job_that_takes_PID_1_its_descriptors_still_ends_as_itself(run):
    attempt, log = run("prlimit --pid 1 --nofile=0:0; exit 3", "ubuntu-24.04")
    assert (attempt.outcome, attempt.reason) == (Outcome.FAILED, "exit status 3"), log


def test_C03_a_zygote_that_hangs_is_replaced(alpine, tmp_path, monkeypatch):
    monkeypatch.setattr(deadline, "_SETUP_LIMIT_S", 1.0)
    monkeypatch.setattr(local, "_FAREWELL_S", 0.5)

    async def go():
        engine = LocalEngine(RUN, str(tmp_path), (alpine,), IdMap(0x70000000))
        await engine.start()
        try:
            zygote_of(psutil.Process()).send_signal(signal.SIGSTOP)
            lost = await engine.run(Work(make_job("true", id="a/b", timeout_s=0.5), image_of(alpine), 1))
            well = await engine.run(Work(make_job("true", id="c/d", timeout_s=30.0), image_of(alpine), 1))
            return lost, well
        finally:
            await engine.close()

    lost, well = asyncio.run(go())
    assert (lost.outcome, lost.failure.step) == (Outcome.ERROR, "set up container")
    assert well.outcome is Outcome.PASSED, well


def test_jobs_that_wait_for_a_zygote_that_is_busy_hold_nothing_and_can_be_cancelled(alpine, tmp_path):
    """What its socket takes has been asked for; all others have neither a log nor a container when they are cancelled."""
    large = (("LARGE", "x" * 100_000),)  # of which a few dozen fit into the socket
    scripts = {f"many/{number}": make_job("true", id=f"many/{number}", env=large) for number in range(400)}

    async def go():
        engine = LocalEngine(RUN, str(tmp_path), (alpine,), IdMap(0x70000000))
        await engine.start()
        try:
            (busy,) = [each for each in psutil.Process().children() if "farm-zygote" in each.name()]
            busy.send_signal(signal.SIGSTOP)
            runs = [asyncio.ensure_future(engine.run(Work(job, image_of(alpine), 1))) for job in scripts.values()]
            await asyncio.sleep(0)  # they have begun
            logs = len(os.listdir(tmp_path / "logs"))
            for job_id in scripts:
                engine.cancel(job_id)
            busy.send_signal(signal.SIGCONT)
            return logs, await asyncio.wait_for(asyncio.gather(*runs), 60)
        finally:
            await engine.close()

    logs, attempts = asyncio.run(go())
    assert {each.outcome for each in attempts} == {Outcome.CANCELLED}
    assert 0 < logs < len(scripts)
    assert len(os.listdir(tmp_path / "logs")) == logs
    assert sum(not each.log_path for each in attempts) == len(scripts) - logs


def test_capabilities_are_not_added_where_they_would_hold_on_the_host(alpine, tmp_path):
    async def go():
        engine = LocalEngine(RUN, str(tmp_path), (alpine,), None)
        await engine.start()
        try:
            return await engine.run(Work(make_job("true", cap_add=("SYS_ADMIN",)), image_of(alpine), 1))
        finally:
            await engine.close()

    attempt = asyncio.run(go())
    assert attempt.outcome is Outcome.ERROR
    assert "user namespace" in attempt.failure.message
