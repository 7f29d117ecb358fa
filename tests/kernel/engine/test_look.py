"""How a running attempt looks from outside: the memory that it takes now, and what it printed last."""

from __future__ import annotations

import asyncio
import os

import pytest

from farm.engine.glimpse import last_line
from farm.engine.local import LocalEngine
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay
from farm.model.ports import Glimpse, Work
from tests.kernel.engine.conftest import make_job
from tests.kernel.engine.live import PATIENCE_S

pytestmark = pytest.mark.root

SCRIPT = (
    "echo first; dd if=/dev/zero of=/tmp/x bs=1M count=24 2>/dev/null; printf 'second\\n\\n'; read -r line </tmp/go"
)


def test_a_running_job_is_seen_and_nothing_of_it_afterwards(unpacked, tmp_path):
    rootfs = unpacked("alpine-3.20")
    image = Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), read_facts(rootfs))
    job = make_job(f"mkfifo /tmp/go; {SCRIPT}")

    async def go() -> Glimpse:
        engine = LocalEngine(f"test-{os.getpid()}", str(tmp_path), (rootfs,), IdMap(0x70000000))
        await engine.start()
        try:
            assert engine.look(job.id) is None
            running = asyncio.ensure_future(engine.run(Work(job, image, 1)))
            loop = asyncio.get_running_loop()
            until_s = loop.time() + PATIENCE_S
            seen = None
            while (seen is None or seen.last_line != "second") and loop.time() < until_s:
                await asyncio.sleep(0.01)  # gives the loop to the engine
                seen = engine.look(job.id)
            engine.cancel(job.id)
            await running
            assert engine.look(job.id) is None
            assert seen is not None
            return seen
        finally:
            await engine.close()

    seen = asyncio.run(go())
    assert seen.last_line == "second"
    if seen.memory_bytes is not None:
        assert 24 << 20 < seen.memory_bytes < 64 << 20


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (b"", ""),
        (b"one", "one"),
        (b"one\ntwo\n \n", "two"),
        (b"x\n" + b"long" * 1000, "long" * 256),
        (b"10%\r20%\r", "10%\r20%"),
        (b"\xff\n", "\ufffd"),
    ],
)
def test_the_last_line_of_a_log(tmp_path, printed, line):
    path = tmp_path / "log"
    path.write_bytes(printed + b"not yet")
    assert last_line(str(path), len(printed)) == line
    assert last_line(str(tmp_path / "none"), 5) == ""
