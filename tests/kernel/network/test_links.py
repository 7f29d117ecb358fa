from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from farm.kernel import process
from farm.network.links import Link, list_links, remove_links


@pytest.fixture
def own_network() -> Iterator[None]:
    """This thread in an empty network namespace, and back."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    process.unshare(process.CLONE_NEWNET)
    try:
        yield
    finally:
        process.setns(home, process.CLONE_NEWNET)
        os.close(home)


def add_veth(name: str, peer: str) -> None:
    with IPRoute() as route:
        try:
            route.link("add", ifname=name, kind="veth", peer={"ifname": peer})
        except NetlinkError as error:
            if error.code == errno.EOPNOTSUPP:
                pytest.skip("needs a kernel with veth")
            raise


def names(links: tuple[Link, ...]) -> list[str]:
    return sorted(link.name for link in links)


@pytest.mark.usefixtures("own_network")
def test_only_links_of_the_farm_are_seen() -> None:
    add_veth("farm-7a", "other7a")
    assert names(list_links()) == ["farm-7a"]
    assert names(list_links("")) == ["farm-7a", "lo", "other7a"]
    assert [link.up for link in list_links()] == [False]


@pytest.mark.usefixtures("own_network")
def test_removing_one_end_of_a_pair_takes_the_other_and_twice_is_no_error() -> None:
    add_veth("farm-1", "farm-1p")
    add_veth("farm-2", "farm-2p")
    found = list_links()
    assert len(found) == 4
    assert len(remove_links(found)) == 2
    assert list_links() == ()
    assert remove_links(found) == ()


@pytest.mark.usefixtures("own_network")
def test_a_link_that_was_renamed_or_replaced_is_left_alone() -> None:
    add_veth("other1", "other2")
    (found,) = list_links("other1")
    assert remove_links([Link(found.index, "farm-1", up=False)]) == ()
    assert names(list_links("other")) == ["other1", "other2"]
