from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from farm.network.resolver import parse

GATEWAY = IPv4Address("10.213.0.1")


def test_servers_that_a_container_reaches_are_told_as_they_are():
    found = parse(
        "# made by hand\nsearch a.test b.test\nnameserver 192.0.2.53\nnameserver 198.51.100.1\noptions ndots:2\n"
    )
    assert found.reached(())
    assert found.text() == ("nameserver 192.0.2.53\nnameserver 198.51.100.1\nsearch a.test b.test\noptions ndots:2\n")
    assert [str(each) for each in found.networks] == ["192.0.2.53/32", "198.51.100.1/32"]


@pytest.mark.parametrize(
    "server",
    ["127.0.0.53", "127.0.0.1", "::1", "2001:db8::1", "fe80::1%eth0", "169.254.169.253", "192.0.2.2"],
)
def test_one_that_a_container_does_not_reach_is_asked_by_the_router(server):
    found = parse(f"nameserver 198.51.100.1\nnameserver {server}\n")
    assert not found.reached((IPv4Address("192.0.2.2"),))
    assert found.text(GATEWAY) == "nameserver 10.213.0.1\n"
    assert str(found.servers[1]) == server


@pytest.mark.parametrize("text", ["", "nameserver\n", "nameserver not-an-address\n", "; nameserver 192.0.2.1\n"])
def test_without_a_server_it_is_the_loopback_one(text):
    found = parse(text)
    assert [str(each) for each in found.servers] == ["127.0.0.1"]
    assert not found.reached(())
