"""The table of system calls agrees with itself, and the filter compiled from it fits the kernel."""

from __future__ import annotations

import itertools

import pytest

from farm.kernel import capability
from farm.launcher import profile
from farm.launcher.filter import compile_filter

DEFAULT = capability.mask(capability.DEFAULT)
INSTRUCTION_BYTES = 8
MOST_INSTRUCTIONS = 4096


def test_no_call_is_in_two_tables():
    tables = (profile.ALLOWED, profile.DENIED, tuple(itertools.chain(*profile.WITH_CAPABILITY.values())))
    for one, other in itertools.combinations(tables, 2):
        assert not set(one) & set(other)
    assert len(set(profile.ALLOWED)) == len(profile.ALLOWED)


def test_every_capability_of_the_table_exists():
    assert capability.mask(profile.WITH_CAPABILITY)


@pytest.mark.parametrize(
    "name",
    [
        "mount",
        "bpf",
        "io_uring_setup",
        "userfaultfd",
        "keyctl",
        "perf_event_open",
        "kexec_load",
        "init_module",
        "clone3",
    ],
)
def test_B08_what_is_closed_is_not_allowed(name):
    assert name not in profile.ALLOWED


def test_closed_families_are_those_of_no_use():
    assert {38, 40} < set(profile.CLOSED_FAMILIES)
    assert not {1, 2, 10, 16, 17} & set(profile.CLOSED_FAMILIES)
    assert max(profile.CLOSED_FAMILIES) < profile.LAST_FAMILY


@pytest.mark.parametrize("extra", [(), ("SYS_ADMIN",), ("NET_RAW", "SYS_PTRACE"), capability.NAMES])
def test_filter_fits_the_kernel(extra):
    program = compile_filter(DEFAULT | capability.mask(extra))
    count, rest = divmod(len(program), INSTRUCTION_BYTES)
    assert rest == 0
    assert 0 < count <= MOST_INSTRUCTIONS


def test_filter_is_the_same_every_time():
    assert compile_filter(DEFAULT) == compile_filter(DEFAULT)
    assert compile_filter(DEFAULT) != compile_filter(DEFAULT | capability.mask(("SYS_ADMIN",)))
