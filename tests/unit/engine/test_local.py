"""The pure parts of the local engine."""

from __future__ import annotations

import platform
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.engine import abi
from farm.engine.local import hostname
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
    assert abi.personality(image) == domain
    assert abi.is_narrow(image) == bool(domain)
