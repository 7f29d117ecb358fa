"""C01: whoever dies, every container dies with it, and what is left is removed."""

from __future__ import annotations

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
        jobs = [Job(f"sleep/{n}", "sleep", "alpine", (), ("sh", "-c", script), script) for n in range(live)]
        await asyncio.gather(*(engine.run(Work(job, image, 1)) for job in jobs))

    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    """
)


def sleepers() -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "4711"]]


def wait_until(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("victim", ["orchestrator", "zygote"])
def test_C01_sigkill_takes_every_container_along(unpacked, tmp_path, victim, slowdown):
    with subprocess.Popen(
        [sys.executable, "-c", ORCHESTRATOR, unpacked("alpine-3.20"), str(tmp_path), str(LIVE)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as orchestrator:
        try:
            assert wait_until(lambda: len(sleepers()) == LIVE, 30 * slowdown)
            zygote = psutil.Process(orchestrator.pid).children()[0]
            os.kill(orchestrator.pid if victim == "orchestrator" else zygote.pid, signal.SIGKILL)
            assert wait_until(lambda: not sleepers(), 2 * slowdown)
            assert wait_until(lambda: not zygote.is_running() or zygote.status() == psutil.STATUS_ZOMBIE, 10 * slowdown)
        finally:
            orchestrator.kill()
    detect.sweep_dead()
