"""C01: whoever dies, every container dies with it, and what is left is removed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from farm.cgroup import detect
from tests.kernel.engine.live import zygote_of
from tests.processes import running

ROOT = Path(__file__).resolve().parents[3]
LIVE = 20

ORCHESTRATOR = textwrap.dedent(
    """
    import asyncio, sys
    from farm.engine.local import LocalEngine
    from farm.kernel.userns import IdMap
    from farm.model.distro import Facts, Image, Overlay
    from farm.model.job import Job
    from farm.model.ports import Work

    async def main(rootfs, folder, live):
        engine = LocalEngine("killed", folder, (rootfs,), IdMap(0x70000000))
        await engine.start()
        image = Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), Facts())
        script = "echo up; sleep 4711"
        jobs = [Job(f"sleep/{n}", "sleep", "alpine", (), ("sh", "-c", script), script, init=bool(n % 4))
                for n in range(live)]
        await asyncio.gather(*(engine.run(Work(job, image, 1)) for job in jobs))

    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    """
)


def sleepers() -> list[psutil.Process]:
    return running(["sleep", "4711"])


def wait_until(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


def over(process: psutil.Process) -> bool:
    """Whether it has ended; it may do so between two looks."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("victim", ["orchestrator", "zygote"])
def test_C01_sigkill_takes_every_container_along(unpacked, tmp_path, victim, slowdown):
    with subprocess.Popen(
        [sys.executable, "-c", ORCHESTRATOR, unpacked("alpine-3.20"), str(tmp_path), str(LIVE)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as orchestrator:
        try:
            assert wait_until(lambda: len(sleepers()) == LIVE, 30 * slowdown)
            zygote = zygote_of(psutil.Process(orchestrator.pid))
            os.kill(orchestrator.pid if victim == "orchestrator" else zygote.pid, signal.SIGKILL)
            assert wait_until(lambda: not sleepers(), 10 * slowdown)
            assert wait_until(lambda: over(zygote), 10 * slowdown)
        finally:
            orchestrator.kill()
    detect.sweep_dead()


BUSY = textwrap.dedent(
    """
    import asyncio, sys
    from farm.engine.local import LocalEngine
    from farm.kernel.userns import IdMap
    from farm.model.distro import Facts, Image, Overlay
    from farm.model.job import Job
    from farm.model.limits import Limits
    from farm.model.ports import Work

    async def worker(engine, image, number):
        for attempt in range(1, 10000):
            disk = 16 << 20 if number % 2 else None
            script = "echo x >/x; sleep 0 & true"
            limits = Limits(disk_bytes=disk)
            job = Job(f"busy/{number}", "busy", "alpine", (), ("sh", "-c", script), script, limits=limits)
            done = await engine.run(Work(job, image, attempt))
            print(done.outcome, flush=True)

    async def main(rootfs, folder):
        engine = LocalEngine("busy", folder, (rootfs,), IdMap(0x70000000))
        await engine.start()
        image = Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), Facts())
        await asyncio.gather(*(worker(engine, image, number) for number in range(8)))

    asyncio.run(main(sys.argv[1], sys.argv[2]))
    """
)


def loop_devices(folder: Path) -> list[str]:
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            found += [backing.parts[3]] if str(folder) in backing.read_text() else []
        except OSError:
            continue  # freed meanwhile
    return found


def zygotes(parent: int) -> list[psutil.Process]:
    """Of a process that may have other children, for moments."""
    found = []
    for each in psutil.Process(parent).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [each] if each.name() == "farm-zygote" else []
    return found


def alive() -> list[str]:
    """Descendants that have not ended; this process inherits those whose parents were killed."""
    found = []
    for each in psutil.Process().children(recursive=True):
        try:
            found += [each.name()] if each.status() != psutil.STATUS_ZOMBIE else []
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize("victim", ["orchestrator", "zygote and orchestrator"])
@pytest.mark.parametrize("ended", [0, 1, 7, pytest.param(30, marks=pytest.mark.slow_in_vm)])
def test_C01_sigkill_in_the_middle_of_eight_attempts_at_any_step(unpacked, tmp_path, victim, ended, slowdown):
    """Killed as an attempt ends, while seven others are at steps of their own."""
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, unpacked("alpine-3.20"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as orchestrator:
        try:
            assert orchestrator.stdout is not None
            for _ in range(ended):
                assert orchestrator.stdout.readline() == b"passed\n"
            assert wait_until(lambda: len(zygotes(orchestrator.pid)) > 0, 30 * slowdown)
            if victim != "orchestrator":
                zygotes(orchestrator.pid)[0].kill()
        finally:
            orchestrator.kill()
    assert wait_until(lambda: not alive(), 10 * slowdown)
    assert wait_until(lambda: not loop_devices(tmp_path), 10 * slowdown)
    detect.sweep_dead()
    assert not [each for each in tmp_path.rglob("*") if each.is_file() and each.suffix != ".log"]
