"""The pure parts of the local engine."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.engine import abi
from farm.engine.local import hostname
from farm.engine.thread import in_thread
from farm.kernel import process
from farm.model.distro import Facts, Image
from farm.model.job import Job


@given(st.text(max_size=100), st.text(max_size=100))
def test_B14_hostname_is_one_whatever_the_names_are(test, distro):
    name = hostname(Job("id", test, distro, (), ("true",), ""))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name)


def test_hostname_says_test_and_distro():
    assert hostname(Job("id", "unit", "ubuntu-14.04", (), ("true",), "")) == "unit-ubuntu-14-04"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 processor")
@pytest.mark.parametrize(("arch", "domain"), [("i686", process.PER_LINUX32), ("x86_64", 0), ("aarch64", 0), ("", 0)])
def test_personality_follows_the_image(arch, domain):
    image = Image("0" * 64, "x", (), Facts(arch=arch))
    assert abi.personality(image.facts.arch) == domain


def test_descriptor_made_for_nobody_is_closed(tmp_path):
    go = threading.Event()
    made = []

    def make(folder: str, size_bytes: int) -> int:
        go.wait(30)
        made.append(os.open(folder, os.O_RDONLY))
        return made[-1]

    async def give_up():
        waiting = asyncio.ensure_future(in_thread(make, str(tmp_path), 1))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        await asyncio.get_running_loop().shutdown_default_executor()
        await asyncio.sleep(0)

    asyncio.run(give_up())
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made[0])


def test_descriptor_made_for_somebody_is_theirs(tmp_path):
    fd = asyncio.run(in_thread(lambda folder, _: os.open(folder, os.O_RDONLY), str(tmp_path), 1))
    os.close(fd)
