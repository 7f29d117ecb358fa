"""Which hierarchies are used on hosts of each kind, from what their mountinfo says."""

from __future__ import annotations

from farm.cgroup.hierarchy import Hierarchy, Layout, layout, split
from farm.kernel.proc import parse_mountinfo

_PURE_V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

_SYSTEMD_V1 = """\
31 23 0:28 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/unified rw,relatime shared:10 - cgroup2 cgroup2 rw
33 31 0:30 / /sys/fs/cgroup/systemd rw,relatime shared:11 - cgroup cgroup rw,xattr,name=systemd
34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:12 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:13 - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpuset rw,relatime shared:14 - cgroup cgroup rw,cpuset
37 31 0:34 / /sys/fs/cgroup/pids rw,relatime shared:15 - cgroup cgroup rw,pids
38 31 0:35 / /sys/fs/cgroup/freezer rw,relatime shared:16 - cgroup cgroup rw,freezer
39 31 0:36 / /sys/fs/cgroup/net_cls,net_prio rw,relatime - cgroup cgroup rw,net_cls,net_prio
"""

_V1_ALL = (
    Hierarchy("/sys/fs/cgroup/cpu,cpuacct", ("cpu", "cpuacct")),
    Hierarchy("/sys/fs/cgroup/memory", ("memory",)),
    Hierarchy("/sys/fs/cgroup/pids", ("pids",)),
    Hierarchy("/sys/fs/cgroup/freezer", ("freezer",)),
)


def _layout(text: str) -> Layout:
    return layout(parse_mountinfo(text))


def test_pure_v2():
    found = _layout(_PURE_V2)
    assert found == Layout((), "/sys/fs/cgroup")
    assert split(found, frozenset({"cpu", "memory", "pids", "io"})) == found


def test_v2_without_any_controller_is_used_where_there_is_nothing_else():
    assert split(_layout(_PURE_V2), frozenset()) == Layout((), "/sys/fs/cgroup")


def test_v1_without_cpuset_and_net_cls():
    assert _layout(_SYSTEMD_V1) == Layout(_V1_ALL, "/sys/fs/cgroup/unified")


def test_an_empty_unified_hierarchy_is_left_out():
    assert split(_layout(_SYSTEMD_V1), frozenset({"hugetlb", "rdma"})) == Layout(_V1_ALL)


def test_hybrid_uses_both_and_no_v1_hierarchy_without_a_quota():
    used = split(_layout(_SYSTEMD_V1), frozenset({"io"}))
    assert used == Layout(_V1_ALL[:3], "/sys/fs/cgroup/unified")


def test_v2_with_a_few_v1_hierarchies_of_others_is_v2():
    text = _PURE_V2 + "40 30 0:40 / /sys/fs/cgroup/net_cls rw - cgroup cgroup rw,net_cls\n"
    text += "41 30 0:41 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
    assert split(_layout(text), frozenset({"cpu", "memory", "pids"})) == Layout((), "/sys/fs/cgroup")


def test_the_whole_hierarchy_below_sys_is_preferred_to_part_of_it_and_to_others():
    text = "50 1 0:30 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    text += "51 1 0:30 / /mnt/memory rw - cgroup cgroup rw,memory\n"
    assert _layout(text).v1 == (Hierarchy("/mnt/memory", ("memory",)),)
    text += "52 1 0:30 / /sys/fs/cgroup/host\\040memory rw - cgroup cgroup rw,memory\n"
    assert _layout(text).v1 == (Hierarchy("/sys/fs/cgroup/host memory", ("memory",)),)


def test_no_control_groups_at_all():
    assert split(_layout("20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), frozenset()) == Layout((), "")
