"""Names and bits of capabilities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import KernelError
from farm.kernel import capability, seccomp


@given(st.frozensets(st.sampled_from(capability.NAMES)))
def test_names_and_bits_are_the_same(names):
    assert set(capability.names(capability.mask(names))) == names


def test_names_are_read_as_people_write_them():
    assert capability.mask(("CAP_NET_RAW",)) == capability.mask(("net_raw",)) == 1 << 13


def test_unknown_name_is_told():
    with pytest.raises(ValueError, match="NET_WARP"):
        capability.mask(("NET_WARP",))


def test_default_is_dockers_less_three():
    assert capability.mask(capability.DEFAULT) == 0x800405FB


@pytest.mark.parametrize("size", [0, 7, 9, 8 * 4097])
def test_what_is_no_filter_is_refused_before_the_kernel_sees_it(size):
    with pytest.raises(KernelError) as caught:
        seccomp.Filter(bytes(size)).load()
    assert caught.value.errno == 22
