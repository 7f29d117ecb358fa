"""C02: a step of the set-up that fails ends the attempt, names itself, and leaves nothing."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path

import pytest

from farm.container.spec import ContainerSpec
from farm.errors import FarmError
from farm.kernel.userns import IdMap
from farm.model.distro import Overlay
from farm.model.limits import Limits
from farm.model.outcome import Outcome
from tests.kernel.engine.live import ended, launched, zygote

MIB = 1 << 20


@pytest.fixture
def alpine(unpacked):
    return unpacked("alpine-3.20")


def failure_of(*views: str, prepare=lambda client: None, rootfs: str = "", **fields):
    """The failure of a container with ``fields``; the one after it, of the same zygote, must be well."""

    async def talk():
        async with zygote(*views) as client:
            prepare(client)
            bad = await ended(client, rootfs or views[0], **fields)
            good = await ended(client, views[0])
            assert (good.status, good.failure) == (0, None)
            return bad

    bad = asyncio.run(talk())
    assert bad.status is None
    return bad.failure


def test_C02_limits_that_the_kernel_refuses(alpine):
    failure = failure_of(alpine, limits=Limits(pids=-5))
    assert (failure.step, failure.errno) == ("make cgroup", errno.EINVAL)


def test_C02_image_outside_of_every_view(alpine, tmp_path):
    failure = failure_of(alpine, overlays=(Overlay("/", (str(tmp_path),)),))
    assert failure.errno == errno.ENOENT
    assert str(tmp_path) in failure.message


def test_C02_image_that_vanished(alpine, tmp_path):
    image = tmp_path / "image"
    image.mkdir()

    async def talk():
        async with zygote(alpine, str(tmp_path)) as client:
            shutil.rmtree(image)
            return await ended(client, str(image))

    failure = asyncio.run(talk()).failure
    assert (failure.step, failure.errno) == ("mount overlay on /", errno.ENOENT)


def test_C02_A11_layers_that_pass_the_page_that_mount_options_have(alpine, tmp_path):
    layers = []
    for number in range(60):
        layer = tmp_path / ("x" * 100 + str(number))
        layer.mkdir()
        layers.append(str(layer))
    failure = failure_of(alpine, str(tmp_path), overlays=(Overlay("/", (*layers, alpine)),))
    assert failure.step == "mount overlay on /"
    assert failure.errno


def test_C02_overlay_on_a_folder_that_is_not_there(alpine):
    overlays = (Overlay("/", (alpine,)), Overlay("/no/such/folder", (f"{alpine}/etc",)))
    failure = failure_of(alpine, overlays=overlays)
    assert (failure.step, failure.errno) == ("mount overlay on /no/such/folder", errno.ENOENT)


def test_C02_disk_that_is_none(alpine):
    async def talk():
        with Path("/dev/zero").open() as no_disk:
            async with zygote(alpine) as client, launched(client, alpine, "true") as live:
                await live.end()
                fd = no_disk.fileno()
                container = client.launch(_spec(alpine, on_disk=True), (fd, live.write_fd, live.write_fd, fd))
                return await asyncio.wait_for(container.ended, 30)

    failure = asyncio.run(talk()).failure
    assert failure.step == "mount disk-backed scratch space"
    assert failure.errno


def _spec(rootfs, **fields):
    return ContainerSpec(overlays=(Overlay("/", (rootfs,)),), argv=("true",), **fields)


def test_C02_hostname_too_long(alpine):
    failure = failure_of(alpine, hostname="x" * 65)
    assert (failure.step, failure.errno) == ("set hostname", errno.EINVAL)


def test_C02_filter_that_the_kernel_refuses(alpine):
    failure = failure_of(alpine, prepare=lambda client: client.add_filter(1, bytes(8)), filter_id=1)
    assert (failure.step, failure.errno) == ("drop privileges", errno.EINVAL)


def test_C02_working_directory_that_is_not_there(alpine):
    failure = failure_of(alpine, working_directory="/no/such/folder")
    assert (failure.step, failure.errno) == ("working-directory", errno.ENOENT)


def test_C02_memory_too_small_for_the_set_up(alpine):
    async def talk():
        async with zygote(alpine) as client:
            bad = await ended(client, alpine, limits=Limits(memory_bytes=MIB // 16))
            good = await ended(client, alpine)
            return bad, good

    bad, good = asyncio.run(talk())
    assert (good.status, good.failure) == (0, None)
    assert bad.status != 0
    assert bad.failure is not None or bad.usage.oom_kills


def test_C02_descriptors_of_the_zygote_are_not_lost_to_failures(alpine):
    async def talk():
        async with zygote(alpine) as client:
            process = client._process
            await ended(client, alpine)
            before = len(os.listdir(f"/proc/{process.pid}/fd"))
            for _ in range(20):
                await ended(client, alpine, hostname="x" * 65)
                await ended(client, alpine, limits=Limits(pids=-5))
            return before, len(os.listdir(f"/proc/{process.pid}/fd"))

    before, after = asyncio.run(talk())
    assert after < before + 20  # groups that are kept for use again, or wait to be removed, hold a few


def test_C02_host_without_a_range_of_ids_runs_with_a_warning(alpine):
    async def talk():
        async with zygote(alpine, id_map=None) as client:
            return await ended(client, alpine)

    assert asyncio.run(talk()).status == 0


def test_C02_views_that_are_not_there_are_told(tmp_path):
    async def talk():
        async with zygote(str(tmp_path / "nothing"), id_map=IdMap(0x70000000)):
            pass

    with pytest.raises(FarmError) as caught:
        asyncio.run(talk())
    assert "nothing" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["a:b", "c,d", "e\\f", "new\nline", "sp ace", "\udcff-not-utf-8", "ü", "lowerdir=+x", "'\""]
)
def test_A11_image_at_a_path_of_odd_characters(alpine, tmp_path, name):
    layer = tmp_path / name
    layer.mkdir()
    (layer / "here").write_text("found")

    async def talk():
        overlays = (Overlay("/", (str(layer), alpine)),)
        async with (
            zygote(alpine, str(tmp_path)) as client,
            launched(client, alpine, "cat /here; echo", overlays=overlays) as live,
        ):
            return await live.line(), await live.end()

    line, end = asyncio.run(talk())
    assert (line, end.status, end.failure) == (b"found\n", 0, None)


def test_C02_capability_that_nobody_knows_is_an_error_of_the_attempt(run):
    attempt, _ = run("true", cap_add=("NET_WARP",))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.failure.step == "launch"
    assert "NET_WARP" in attempt.reason
