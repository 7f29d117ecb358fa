"""Whatever a job asks for, and however it ends, no descriptor of this process stays open for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace

from farm.engine.local import LocalEngine
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.build import Network
from farm.model.distro import Image, Overlay
from farm.model.limits import Limits
from farm.model.mount import Mount, MountMode
from farm.model.outcome import Outcome
from farm.model.ports import Work
from farm.model.rules import Artifacts
from farm.model.service import Healthcheck, Service
from tests.kernel.engine.conftest import make_job
from tests.kernel.world import world

MIB = 1 << 20


def open_files():
    """What each open descriptor is, but for the one that this takes to look."""
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = os.readlink(f"/proc/self/fd/{fd}")
    return found


def outside_of_groups():
    """How many there are but for files of control groups: those of as many groups are kept as once were in use together."""
    return sum("/cgroup/" not in path for path in open_files().values())


def service(check="true", name="web", distro="x"):
    healthy = Healthcheck(("sh", "-c", check), interval_s=0.01, retries=2)
    return Service(name, distro, ("sleep", "100"), "", healthcheck=healthy)


def kinds(folder, slowdown):
    """A job of each kind: what it asks for, and how it ends."""
    mounts = tuple(Mount(str(folder), f"/{mode.value}", mode) for mode in MountMode)
    files = Artifacts(("/etc/passwd",))
    return [
        (make_job("true"), Outcome.PASSED),
        (make_job("true", mounts=mounts, user="nobody"), Outcome.PASSED),
        (make_job("true", mounts=(*mounts, Mount("/no/such", "/x"))), Outcome.ERROR),
        (make_job("true", mounts=(*mounts, Mount(str(folder), "/etc/passwd"))), Outcome.ERROR),
        (make_job("exit 1", always="true", debug="exit 1", artifacts=files), Outcome.FAILED),
        (make_job("sleep 100", always="true", artifacts=files, timeout_s=0.3 * slowdown), Outcome.TIMEOUT),
        (make_job("", argv=("/no/such",), always="true", artifacts=files), Outcome.ERROR),
        (make_job("true", hostname="x" * 65, always="true", artifacts=files), Outcome.ERROR),
        (make_job("true", init=False, artifacts=files, mounts=mounts), Outcome.PASSED),
        (make_job("", init=False, argv=("/no/such",), artifacts=files), Outcome.ERROR),
        (make_job("sleep 100", init=False, timeout_s=0.3 * slowdown), Outcome.TIMEOUT),
        (make_job("tail /dev/zero", limits=Limits(memory_bytes=24 * MIB), always="true", artifacts=files), Outcome.OOM),
        (make_job("true", limits=Limits(disk_bytes=32 * MIB), mounts=mounts, artifacts=files), Outcome.PASSED),
        (make_job("true", user="ghost", artifacts=files), Outcome.ERROR),
        (make_job("true", privileged=True, artifacts=files, always="true"), Outcome.PASSED),
        (make_job("true", network=Network.ISOLATED, mounts=mounts, artifacts=files), Outcome.PASSED),
        (make_job("true", network=Network.ISOLATED, cap_add=("NET_ADMIN",), services=(service(),)), Outcome.PASSED),
        (make_job("exit 1", services=(service(), service("true", name="other")), always="true"), Outcome.FAILED),
        (make_job("true", services=(service(), service("false", name="bad"))), Outcome.ERROR),
        (make_job("true", network=Network.ISOLATED, services=(service(distro="none"),)), Outcome.ERROR),
        (make_job("true", network=Network.ISOLATED, user="ghost", services=(service(),)), Outcome.ERROR),
    ]


def test_none_stays_open(unpacked, tmp_path, slowdown):
    rootfs = unpacked("alpine-3.20")
    (tmp_path / "source").mkdir()
    image = Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), read_facts(rootfs))
    engine = LocalEngine(f"test-{os.getpid()}", str(tmp_path), (rootfs,), IdMap(0x70000000), grace_s=1.0)

    async def rounds():
        await engine.start()
        try:
            wanted = kinds(tmp_path / "source", slowdown)
            seen = []
            for number in range(3):
                jobs = [make_like(job, f"r{number}/{at}") for at, (job, _) in enumerate(wanted)]
                found = await asyncio.gather(*(engine.run(Work(job, image, 1, {"x": image})) for job in jobs))
                assert [each.outcome for each in found] == [outcome for _, outcome in wanted]
                seen.append(outside_of_groups())
            return seen
        finally:
            await engine.close()

    with world():
        before = open_files()
        _, second, third = asyncio.run(rounds())
        assert second == third  # the first makes what is kept: groups to use again, maps of ids, the router
        assert open_files() == before


def make_like(job, name):
    return replace(job, id=name)
