"""The parsers of /proc, on what kernels write."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from farm.kernel import proc

MOUNTINFO = """\
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
61 43 0:43 / /a\\040b\\011c\\134d ro,nodev - overlay farm rw,lowerdir=/x
62 61 0:44 / /no/optional/fields rw - tmpfs none rw
this is no mount
"""


def test_mountinfo_with_and_without_optional_fields():
    first, second, third = proc.parse_mountinfo(MOUNTINFO)
    assert (first.root, first.mount_point, first.fstype, first.source) == ("/mnt1", "/mnt2", "ext3", "/dev/root")
    assert first.options == ("rw", "noatime")
    assert second.mount_point == "/a b\tc\\d"
    assert third.super_options == ("rw",)


@given(st.text())
def test_mountinfo_never_raises_for_what_it_does_not_know(text):
    for each in proc.parse_mountinfo(text.replace(" - ", " ")):
        assert each is None


def test_own_mounts_are_read():
    assert any(each.mount_point == "/proc" for each in proc.mounts())


def test_cgroup_paths_by_controller():
    text = "9:name=systemd:/a\n4:cpu,cpuacct:/b\n0::/c:d\n"
    assert proc.parse_cgroup(text) == {"name=systemd": "/a", "cpu": "/b", "cpuacct": "/b", "": "/c:d"}


def test_keyed_files():
    assert proc.parse_keyed("usage_usec 12\nnr 0\nodd line here\nmax max\n\nminus -3\n") == {
        "usage_usec": 12,
        "nr": 0,
        "minus": -3,
    }


def test_start_time_names_a_process():
    assert proc.start_time_ticks(os.getpid()) == proc.start_time_ticks(os.getpid()) > 0
