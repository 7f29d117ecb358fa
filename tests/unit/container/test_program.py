"""A plan lowered to calls: what the child of the zygote is told to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.container import plan, program
from farm.container.numbers import RESERVED, SLOT
from farm.container.setup import METHODS, Setup
from farm.container.spec import ContainerSpec, Host
from farm.kernel import capability, process
from farm.kernel.libc import AT_RECURSIVE
from farm.model.build import Network
from farm.model.distro import Overlay
from farm.model.limits import Usage

HOST = Host(0x70000000, False, ("/proc/keys",), frozenset(), ("/proc/sys",), (("/views", "/views"),))
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
    return tuple(call for each in program.program(spec, host, FakeGroup()) for call in each.calls)


def calls(spec=SPEC, host=HOST):
    return [call for _, call, _ in lowered(spec, host)]


specs = st.builds(
    ContainerSpec,
    overlays=st.just((Overlay("/", ("/views/0",)),)),
    argv=st.just(("true",)),
    hostname=st.text(st.characters(codec="utf-8"), min_size=1, max_size=64),
    capabilities=st.integers(0, (1 << 41) - 1),
    no_new_privs=st.booleans(),
    filter_id=st.integers(0, 9),
    on_disk=st.booleans(),
    personality=st.sampled_from((0, 8)),
)


@given(specs, st.sampled_from((0, 0x70000000)), st.booleans())
def test_it_is_the_plan_lowered_though_parts_are_remembered(spec, id_base, cgroup2):
    host = replace(HOST, id_base=id_base, cgroup2=cgroup2)
    planned = program.lower(plan.plan(spec, host), host, FakeGroup())
    entered = program.enter(FakeGroup().task_files(), host.id_base)
    assert lowered(spec, host) == entered + planned + program.SETTLED


@given(specs, st.sampled_from((0, 0x70000000)), st.booleans())
def test_what_is_no_system_call_is_a_method(spec, id_base, cgroup2):
    for step, call, arguments in lowered(spec, replace(HOST, id_base=id_base, cgroup2=cgroup2)):
        assert step
        if call in METHODS:
            assert callable(getattr(Setup, call))
        else:
            assert len(arguments) <= 6
            assert all(isinstance(each, int | bytes | None) for each in arguments)


@given(specs, st.sampled_from((0, 0x70000000)), st.booleans())
def test_one_descriptor_is_open_at_a_time_and_its_number_is_known(spec, id_base, cgroup2):
    """What opens one gets the lowest number that is free, so until it is closed nothing else may be opened."""
    is_open = True  # by the zygote, until the program closes it
    for step, call, arguments in lowered(spec, replace(HOST, id_base=id_base, cgroup2=cgroup2)):
        if call in ("openat", "socket", "signalfd4", "epoll_create1"):
            assert not is_open
            is_open = True
        elif call in ("write", "ioctl"):
            assert is_open
            assert arguments[0] == SLOT
        elif call == "close":
            assert arguments == (SLOT,)
            is_open = False
        elif call == "dup3" and step != "settle":
            assert is_open
            assert arguments[0] == SLOT
            assert arguments[1] in RESERVED
    assert not is_open


@given(specs, st.sampled_from((0, 0x70000000)))
def test_privileges_go_last_in_the_order_that_each_still_allows(spec, id_base):
    order = calls(spec, replace(HOST, id_base=id_base))
    assert order[-5:] == ["dup3", "dup3", "dup3", "close_range", "umask"]
    assert order.index("pivot_root") < order.index("setresuid")
    assert ("setns" in order) == (id_base > 0)
    assert ("load_filter" in order) == (spec.filter_id > 0)
    made = lowered(spec, replace(HOST, id_base=id_base))
    sealed = [at for at, (_, _, arguments) in enumerate(made) if arguments == (process.PR_SET_NO_NEW_PRIVS, 1)]
    assert len(sealed) == spec.no_new_privs
    if id_base:
        assert order.index("pivot_root") < order.index("setns") < order.index("setresuid")
    if spec.filter_id:
        assert order.index("setresuid") < order.index("load_filter")
    if spec.filter_id and spec.no_new_privs:
        assert sealed[0] < order.index("load_filter")
    if spec.filter_id and spec.personality:
        assert order.index("personality") < order.index("load_filter")


def test_group_is_entered_before_anything_else_and_its_namespace_right_after():
    entered = [(call, arguments) for step, call, arguments in lowered() if step == "enter cgroup"]
    opened = [arguments[1] for call, arguments in entered if call == "openat"]
    assert opened == [path.encode() for path in FakeGroup().task_files()]
    assert [call for call, _ in entered[:7]] == ["openat", "write", "close"] * 2 + ["unshare"]
    assert entered[6][1] == (process.CLONE_NEWCGROUP,)
    steps = [step for step, _, _ in lowered()]
    assert set(steps[: steps.index("enter cgroup")]) == {"begin"}


def test_the_parent_death_signal_comes_first_and_again_when_identity_has_changed():
    made = [(call, arguments) for _, call, arguments in lowered()]
    asked = [at for at, each in enumerate(made) if each == ("prctl", (process.PR_SET_PDEATHSIG, 9))]
    assert asked[0] == 0
    assert asked[1] > max(at for at, (call, _) in enumerate(made) if call in ("setresuid", "capset"))


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
        inside = inside or call == "setns"
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
    assert [call for call, _ in made] == ["mkdirat", "mount", "symlinkat", "mount_setattr"]
    assert made[-1][1][1:3] == (b"/c/root/sys/fs/cgroup", AT_RECURSIVE)
