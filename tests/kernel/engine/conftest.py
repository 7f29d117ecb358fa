"""Real root filesystems, unpacked once a session, and a farm to run commands on them."""

from __future__ import annotations

import asyncio
import fcntl
import lzma
import os
import shutil
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


def extract(archive: Path, target: Path) -> None:
    """Unpack with tar; xz is Python's own, for a small machine may not have the program."""
    if archive.suffix != ".xz":
        subprocess.run(["tar", "-xf", str(archive), "-C", str(target)], check=True)
        return
    with subprocess.Popen(["tar", "-x", "-C", str(target)], stdin=subprocess.PIPE) as tar, lzma.open(archive) as file:
        assert tar.stdin is not None
        shutil.copyfileobj(file, tar.stdin)
        tar.stdin.close()
    assert tar.returncode == 0


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """From a distro's name to a directory its archive was unpacked in."""
    if os.geteuid() != 0:
        pytest.skip("needs root: containers are made with CAP_SYS_ADMIN")
    archives = Path(os.environ.get("FARM_TEST_ROOTFS", ROOT / ".." / "shared" / "rootfs"))
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "images"  # one for all workers
    folder.mkdir(exist_ok=True)

    def unpack(name: str) -> str:
        found = sorted(archives.glob(f"{name}-*.tar.*"))
        if not found:
            pytest.skip(f"no root filesystem {name} in {archives} (FARM_TEST_ROOTFS)")
        target = folder / name
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be at it
            if not target.exists():
                staged = folder / f"{name}.staged"
                staged.mkdir()
                extract(found[0], staged)
                staged.rename(target)
        return str(target)

    return unpack


REFUSED = """
refused() {
    if said=$(sh -c "$1" 2>&1); then echo "not refused: $1"; exit 1; fi
    case $said in
        *ermitted*|*denied*|*ead-only*) ;;
        *) echo "refused for another reason: $1: $said"; exit 1 ;;
    esac
}
"""
"""A shell function: its argument must be something the kernel does not permit, or the job fails."""


async def run_jobs(engine: LocalEngine, rootfs: str, jobs: Sequence[Job], lowers: Sequence[str] = ()) -> list[Attempt]:
    """Start ``engine``, run ``jobs`` at once on ``rootfs`` (or on ``lowers``), close it."""
    image = Image("0" * 64, rootfs, (Overlay("/", tuple(lowers or (rootfs,))),), read_facts(rootfs))
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
    """Run a script on a distro (Alpine where not said): its attempt and its log. ``top`` is a layer above the image."""

    def run_script(
        script: str,
        distro: str = "alpine-3.20",
        grace_s: float = 1.0,
        script_limit_s: float = 60.0,
        top: Path | None = None,
        **fields: object,
    ) -> tuple[Attempt, bytes]:
        rootfs = unpacked(distro)
        lowers = (rootfs,) if top is None else (str(top), rootfs)
        engine = LocalEngine(
            f"test-{os.getpid()}",
            str(tmp_path),
            lowers,
            IdMap(0x70000000),
            log_cap_bytes=1 << 20,
            grace_s=grace_s,
            script_limit_s=script_limit_s,
        )
        (attempt,) = asyncio.run(run_jobs(engine, rootfs, [make_job(script, **fields)], lowers))
        return attempt, (tmp_path / attempt.log_path).read_bytes() if attempt.log_path else b""

    return run_script


RunAll = Callable[..., dict[str, tuple[Attempt, bytes]]]


@pytest.fixture
def run_all(unpacked: Callable[[str], str], tmp_path: Path) -> RunAll:
    """Run jobs at once on a distro: from each one's id to its attempt and its log."""

    def run_jobs_at_once(jobs: Sequence[Job], distro: str = "alpine-3.20") -> dict[str, tuple[Attempt, bytes]]:
        rootfs = unpacked(distro)
        engine = LocalEngine(
            f"test-{os.getpid()}", str(tmp_path), (rootfs,), IdMap(0x70000000), log_cap_bytes=1 << 20, grace_s=1.0
        )
        attempts = asyncio.run(run_jobs(engine, rootfs, jobs))
        return {each.job_id: (each, (tmp_path / each.log_path).read_bytes()) for each in attempts}

    return run_jobs_at_once
