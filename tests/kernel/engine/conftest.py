"""Real root filesystems, unpacked once a session, and a farm to run commands on them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from farm.engine.local import LocalEngine
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay
from farm.model.job import Attempt, Job
from farm.model.ports import Work

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[Attempt, bytes]]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """From a distro's name to a directory its archive was unpacked in."""
    if os.geteuid() != 0:
        pytest.skip("needs root: containers are made with CAP_SYS_ADMIN")
    archives = Path(os.environ.get("FARM_TEST_ROOTFS", ROOT / ".." / "shared" / "rootfs"))
    folder = tmp_path_factory.mktemp("images")

    def unpack(name: str) -> str:
        found = sorted(archives.glob(f"{name}-*.tar.*"))
        if not found:
            pytest.skip(f"no root filesystem {name} in {archives} (FARM_TEST_ROOTFS)")
        target = folder / name
        if not target.exists():
            target.mkdir()
            subprocess.run(["tar", "-xf", str(found[0]), "-C", str(target)], check=True)
        return str(target)

    return unpack


async def run_jobs(engine: LocalEngine, rootfs: str, jobs: Sequence[Job]) -> list[Attempt]:
    """Start ``engine``, run ``jobs`` at once on ``rootfs``, close it."""
    image = Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), read_facts(rootfs))
    await engine.start()
    try:
        return list(await asyncio.gather(*(engine.run(Work(job, image, 1)) for job in jobs)))
    finally:
        await engine.close()


def make_job(script: str, **fields: object) -> Job:
    """A job that runs ``script`` with ``sh -e``; ``fields`` replace those of ``Job``."""
    job = Job("test/alpine-3.20", "test", "alpine-3.20", (), ("sh", "-e", "-c", script), script)
    return replace(job, **fields)  # type: ignore[arg-type]


@pytest.fixture
def run(unpacked: Callable[[str], str], tmp_path: Path) -> Run:
    """Run a script on a distro (Alpine where not said): its attempt and its log."""

    def run_script(
        script: str, distro: str = "alpine-3.20", grace_s: float = 1.0, **fields: object
    ) -> tuple[Attempt, bytes]:
        rootfs = unpacked(distro)
        engine = LocalEngine(
            f"test-{os.getpid()}", str(tmp_path), (rootfs,), IdMap(0x70000000), log_cap_bytes=1 << 20, grace_s=grace_s
        )
        (attempt,) = asyncio.run(run_jobs(engine, rootfs, [make_job(script, **fields)]))
        return attempt, (tmp_path / attempt.log_path).read_bytes() if attempt.log_path else b""

    return run_script
