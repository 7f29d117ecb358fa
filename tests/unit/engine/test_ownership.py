"""The maps of mounted folders: the kernel takes them, and they say what the rules say."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.engine.ownership import shown, written

BASE, COUNT = 0x70000000, 65536
owners = st.one_of(
    st.sampled_from((0, 1, 1000, 65534, 65535, 65536, BASE - 1, BASE, BASE + 7, BASE + COUNT - 1, BASE + COUNT)),
    st.integers(0, (1 << 32) - 2),
)
users = st.one_of(st.sampled_from((0, 1, 7, 65534, 65535)), st.integers(0, COUNT - 1))


def extents(text):
    return [tuple(int(word) for word in line.split()) for line in text.splitlines()]


def inside(text, on_disk):
    """Who of the container ``on_disk`` is, None for nobody."""
    for first, host, count in extents(text):
        if first <= on_disk < first + count:
            found = host + on_disk - first - BASE
            return found if 0 <= found < COUNT else None
    return None


def disjoint(ranges):
    ordered = sorted(ranges)
    return all(start + count <= following for (start, count), (following, _) in itertools.pairwise(ordered))


def withheld(*given):
    return written(*given, has=False)


@pytest.mark.parametrize("rule", [shown, written, withheld])
@given(owner=owners, user=users)
def test_the_kernel_takes_the_map(rule, owner, user):
    found = extents(rule(owner, user, BASE, COUNT))
    assert disjoint([(first, count) for first, _, count in found])
    assert disjoint([(host, count) for _, host, count in found])
    assert all(count > 0 for *_, count in found)
    assert all(host >= BASE and host + count <= BASE + 2 * COUNT + 1 for _, host, count in found)


@pytest.mark.parametrize("rule", [shown, written])
@given(owner=owners, user=users)
def test_the_owner_is_the_jobs_user(rule, owner, user):
    assert inside(rule(owner, user, BASE, COUNT), owner) == user


@given(owner=owners, user=users, other=st.integers(0, COUNT - 1))
def test_what_is_shown_keeps_other_ids(owner, user, other):
    found = inside(shown(owner, user, BASE, COUNT), other)
    if other == owner:
        assert found == user
    elif other == user:
        assert found == (owner if owner < COUNT else None)
    else:
        assert found == other


@given(owner=owners, user=users, other=owners)
def test_what_is_written_is_nobodys_of_the_host_but_the_owners(owner, user, other):
    found = inside(written(owner, user, BASE, COUNT), other)
    if other == owner:
        assert found == user
    elif BASE <= other < BASE + COUNT and other - BASE != user:
        assert found == other - BASE
    else:
        assert found is None


@given(owner=owners, user=users, other=owners)
def test_a_group_that_is_not_the_owners_is_nobodys_but_known(owner, user, other):
    text = withheld(owner, user, BASE, COUNT)
    assert inside(text, other) == (other - BASE if BASE <= other < BASE + COUNT else None)
    assert any(first <= owner < first + count for first, _, count in extents(text))


@given(owner=owners, user=users)
def test_a_range_at_the_end_of_all_ids(owner, user):
    base = (1 << 32) - 1 - COUNT
    for has in (True, False):
        found = extents(written(owner, user, base, COUNT, has=has))
        assert disjoint([(host, count) for _, host, count in found])
        assert all(host >= 0 and host + count <= (1 << 32) - 1 for _, host, count in found)
