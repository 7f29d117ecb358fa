"""A plan lowered to calls: what the child of the zygote is sent."""

from __future__ import annotations

import marshal
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.container import plan, program
from farm.container.setup import Setup
from farm.container.spec import ContainerSpec, Host
from farm.kernel import capability, process
from farm.model.build import Network
from farm.model.distro import Overlay
from farm.model.limits import Usage

HOST = Host(0x70000000, False, ("/proc/keys",), frozenset(), ("/proc/sys",))
SPEC = ContainerSpec((Overlay("/", ("/views/0",)),), ("true",), filter_id=1)


class FakeGroup:
    """A group that exists on paper only."""

    v2_fd = -1

    def task_files(self) -> tuple[str, ...]:
        return ("/sys/fs/cgroup/pids/farm/x/g1/tasks", "/sys/fs/cgroup/cpu/farm/x/g1/tasks")

    def view_sources(self) -> tuple[tuple[str, str], ...]:
        return (("/sys/fs/cgroup/cpu,cpuacct/farm/x/g1", "cpu,cpuacct"), ("cpu,cpuacct", "cpu"))

    def freeze(self, *, frozen: bool) -> None:
        raise AssertionError

    def kill(self) -> None:
        raise AssertionError

    def usage(self) -> Usage:
        raise AssertionError

    def memory_bytes(self) -> int | None:
        raise AssertionError

    def pids(self) -> tuple[int, ...]:
        raise AssertionError


def lowered(spec=SPEC, host=HOST):
    return program.program(spec, host, FakeGroup())


def calls(spec=SPEC, host=HOST):
    return [call for _, call, _ in lowered(spec, host)]


specs = st.builds(
    ContainerSpec,
    overlays=st.just((Overlay("/", ("/views/0",)),)),
    argv=st.just(("true",)),
    hostname=st.text(st.characters(codec=None), min_size=1, max_size=64),
    capabilities=st.integers(0, (1 << 41) - 1),
    no_new_privs=st.booleans(),
    filter_id=st.integers(0, 9),
    on_disk=st.booleans(),
    personality=st.sampled_from((0, 8)),
)


@given(specs, st.sampled_from((0, 0x70000000)), st.booleans())
def test_it_is_the_plan_lowered_though_parts_are_remembered(spec, id_base, cgroup2):
    host = replace(HOST, id_base=id_base, cgroup2=cgroup2)
    plain = program.enter(host, FakeGroup()) + program.lower(plan.plan(spec, host), host, FakeGroup())
    assert lowered(spec, host) == plain


@given(specs, st.sampled_from((0, 0x70000000)), st.booleans())
def test_every_call_exists_and_survives_the_way(spec, id_base, cgroup2):
    sent = lowered(spec, replace(HOST, id_base=id_base, cgroup2=cgroup2))
    assert marshal.loads(marshal.dumps(sent)) == sent
    for step, call, _ in sent:
        assert step
        assert callable(getattr(Setup, call))


@given(specs, st.sampled_from((0, 0x70000000)))
def test_privileges_go_last_in_the_order_that_each_still_allows(spec, id_base):
    order = calls(spec, replace(HOST, id_base=id_base))
    assert order[-1] == "keep_capabilities"
    assert order.index("pivot_root") < order.index("become_root")
    assert ("enter_user_namespace" in order) == (id_base > 0)
    assert ("set_no_new_privs" in order) == spec.no_new_privs
    assert ("load_filter" in order) == (spec.filter_id > 0)
    if id_base:
        assert order.index("pivot_root") < order.index("enter_user_namespace") < order.index("become_root")
    if spec.filter_id:
        assert order.index("become_root") < order.index("load_filter")
    if spec.filter_id and spec.no_new_privs:
        assert order.index("set_no_new_privs") < order.index("load_filter")
    if spec.filter_id and spec.personality:
        assert order.index("set_personality") < order.index("load_filter")


def test_group_is_entered_before_anything_else_and_its_namespace_right_after():
    first, second, third = lowered()[:3]
    assert first == ("enter cgroup", "write", ("/sys/fs/cgroup/pids/farm/x/g1/tasks", "0"))
    assert second == ("enter cgroup", "write", ("/sys/fs/cgroup/cpu/farm/x/g1/tasks", "0"))
    assert third == ("enter cgroup", "unshare", (process.CLONE_NEWCGROUP,))


@pytest.mark.parametrize(
    ("added", "namespaces"),
    [
        ((), 0),
        (("NET_RAW",), process.CLONE_NEWNET),
        (("NET_ADMIN",), process.CLONE_NEWNET),
        (("SYS_PTRACE",), 0),
        (("SYS_ADMIN",), process.CLONE_NEWNS | process.CLONE_NEWUTS | process.CLONE_NEWIPC | process.CLONE_NEWNET),
    ],
)
def test_added_capabilities_count_in_namespaces_of_the_containers_own(added, namespaces):
    kept = capability.mask({*capability.DEFAULT, *added})
    made = 0
    inside = False
    for _, call, arguments in lowered(replace(SPEC, capabilities=kept)):
        inside = inside or call == "enter_user_namespace"
        if inside and call == "unshare":
            made |= arguments[0]
    assert made == namespaces


@pytest.mark.parametrize("given", [{"network": Network.HOST}, {"network": Network.ISOLATED, "joins": True}])
def test_a_network_that_is_given_is_kept_whatever_the_capabilities(given):
    spec = replace(SPEC, capabilities=capability.mask(("NET_ADMIN", "SYS_ADMIN")), **given)
    unshared = [arguments[0] for _, call, arguments in lowered(spec) if call == "unshare"]
    assert unshared
    assert not any(flags & process.CLONE_NEWNET for flags in unshared)


def test_groups_are_shown_read_only():
    made = [(call, arguments) for step, call, arguments in lowered() if step == "bind /sys/fs/cgroup"]
    assert [call for call, _ in made] == ["make_directory", "mount", "link", "make_read_only"]
    assert made[-1][1] == (b"/c/root/sys/fs/cgroup", 1)
