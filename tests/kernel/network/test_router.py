"""The router of a run: what it makes on the host, what becomes of that, and who reaches whom through it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from farm.errors import FarmError, KernelError
from farm.network import filters, host, messages, ruleset
from farm.network.addresses import PORTS_A_BRIDGE
from farm.network.fresh import fresh, inside
from farm.network.links import list_links
from farm.network.netlink import NETFILTER, ROUTE, Netlink
from farm.network.router import Router
from tests.kernel.world import HOST, OUTSIDE, http_server, world

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def made():
    with world() as found:
        yield found


@pytest.fixture
def router(made):
    found = Router(host.look())
    yield found
    found.close()


@pytest.fixture
def connect(router):
    """Make a port of the router, its loopback up as a container's is."""
    made = []

    def connected():
        made.append(router.add_port(fresh(ipv6=False)))
        with inside(made[-1].namespace), Netlink(ROUTE) as route:
            route.ask([messages.raise_link(1)])
        return made[-1]

    yield connected
    for each in made:
        os.close(each.namespace)


@pytest.fixture
def port(connect):
    return connect()


def ask(namespace: int, address: str, port: int = 80, limit_s: float = 10) -> str:
    """What a web server says to a client in ``namespace``; the errno's name where there is no connection."""
    with inside(namespace):
        client = socket.socket()
    with client:
        client.settimeout(limit_s)
        try:
            client.connect((address, port))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with client.makefile() as answer:
                return answer.read().split("\n\n", 1)[1].strip()
        except OSError as error:
            return errno.errorcode[error.errno] if error.errno else str(error)


def forwarding(interface: str) -> str:
    return Path(f"/proc/sys/net/ipv4/conf/{interface}/forwarding").read_text().strip()


def tables() -> tuple[str, ...]:
    with Netlink(NETFILTER) as netfilter:
        return ruleset.tables(netfilter)


def uplinks() -> list[str]:
    return sorted(each.name for each in list_links())


def test_what_the_host_reaches(made):
    found = host.look()
    assert IPv4Network("192.0.2.0/24") in found.networks
    assert HOST in map(str, found.addresses)
    assert (found.ways_out, found.mtu) == (("eth0",), 1400)


def test_requests_reach_the_outside_under_the_hosts_address(made, port):
    with http_server(made.outside, OUTSIDE):
        assert ask(port.namespace, OUTSIDE) == f"hello {HOST}"


def test_links_are_as_wide_as_the_way_out(made, router, port):
    with inside(port.namespace):
        assert mtu("eth0") == 1400
    assert mtu(router.name) == 1400


def mtu(name: str) -> int:
    """SIOCGIFMTU: unlike a mounted sysfs it looks at the calling thread's namespace."""
    with socket.socket() as any_socket:
        answer = fcntl.ioctl(any_socket, 0x8921, struct.pack("16sI12x", name.encode(), 0))
    return int(struct.unpack("16sI12x", answer)[1])


@pytest.mark.slow_in_vm
def test_B16_ports_do_not_reach_each_other_on_one_bridge_or_two(made, router, connect, port):
    beside = connect()
    far = [connect() for _ in range(PORTS_A_BRIDGE)][-1]
    assert (beside.gateway, far.gateway) == (port.gateway, router.range.bridge(1))
    # Of the one beside not even the MAC is heard.
    for other, answer, limit_s in ((beside, "timed out", 1), (far, "ECONNREFUSED", 10)):
        with http_server(other.namespace, str(other.address)):
            assert ask(other.namespace, str(other.address)) == f"hello {other.address}"
            assert ask(port.namespace, str(other.address), limit_s=limit_s) == answer


def test_B16_the_host_is_not_reached_under_any_of_its_addresses(made, router, port):
    for address in (HOST, str(router.range.host), "127.0.0.1"):
        with http_server(made.host, address, 8080):
            assert ask(made.host, address, 8080).startswith("hello")
            assert ask(port.namespace, address, 8080) == "ECONNREFUSED"


def test_B16_nor_is_a_cloud_hosts_metadata(made, port):
    with inside(made.outside), Netlink(ROUTE) as route:
        route.ask([messages.add_address(1, "169.254.169.254", 32)])
    with http_server(made.outside, "169.254.169.254"):
        assert ask(made.host, "169.254.169.254").startswith("hello")
        assert ask(port.namespace, "169.254.169.254") == "ECONNREFUSED"


def test_the_outside_reaches_no_container(made, router, port):
    with inside(made.outside), Netlink(ROUTE) as route:
        via_host = messages.add_default_route(HOST)
        route.ask([via_host])
    with http_server(port.namespace, str(port.address)):
        assert ask(made.outside, str(port.address), limit_s=1) in ("EHOSTUNREACH", "ENETUNREACH", "timed out")


def test_a_container_that_takes_anothers_address_gets_none_of_its_answers(made, connect, port):
    """What capabilities for networks allow at most: the same MAC and address as the other one."""
    thief = connect()
    with inside(thief.namespace), Netlink(ROUTE) as route:
        route.ask([messages.add_address(1000, str(port.address), 32)])
        client = socket.socket()
    with client, http_server(made.outside, OUTSIDE):
        client.bind((str(port.address), 0))
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.connect((OUTSIDE, 80))
        assert ask(port.namespace, OUTSIDE) == f"hello {HOST}"


def test_forwarding_is_on_for_single_interfaces_and_off_again(made):
    assert (forwarding("eth0"), forwarding("all")) == ("0", "0")
    first, second = Router(host.look()), Router(host.look())
    assert (first.name, second.name) == ("farm-0", "farm-1")
    assert [forwarding(each) for each in ("eth0", "farm-0", "farm-1", "lo", "all", "default")] == [*"111000"]
    first.close()
    assert forwarding("eth0") == "1"
    assert uplinks() == ["farm-1"]
    second.close()
    assert forwarding("eth0") == "0"
    assert (uplinks(), tables()) == ([], ())


def test_forwarding_that_the_host_had_on_stays_on_and_has_no_guard(made):
    host.switch("eth0", on=True)
    router = Router(host.look())
    assert host.GUARD not in tables()
    router.close()
    assert forwarding("eth0") == "1"


def test_the_host_forwards_for_nobody_else_meanwhile(made, router):
    """A neighbour that takes the host for its router reaches nothing through it, though the host has a route there."""
    beyond = fresh()
    try:
        with Netlink(ROUTE) as route:
            route.ask([messages.add_veth("eth1", "eth0", beyond, 1400)])
            route.ask([messages.add_address(host.index_of("eth1"), "203.0.113.1", 24)])
        host.switch("eth1", on=True)
        with inside(beyond), Netlink(ROUTE) as route:
            route.ask([messages.raise_link(host.index_of("eth0"))])
            route.ask([messages.add_address(host.index_of("eth0"), "203.0.113.2", 24)])
            route.ask([messages.add_default_route("203.0.113.1")])
        with inside(made.outside), Netlink(ROUTE) as route:
            route.ask([messages.add_default_route(HOST)])
        with http_server(beyond, "203.0.113.2"):
            assert ask(made.host, "203.0.113.2").startswith("hello")
            with inside(made.outside):
                client = socket.socket()
            with client:
                client.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    client.connect(("203.0.113.2", 80))
    finally:
        os.close(beyond)


def test_two_runs_do_not_take_the_same_addresses_and_do_not_reach_each_other(made, router, port):
    other = Router(host.look())
    there = other.add_port(fresh(ipv6=False))
    with inside(other.namespace), Netlink(ROUTE) as route:
        route.ask([messages.raise_link(1)])
    try:
        assert not router.range.network.overlaps(other.range.network)
        with http_server(made.outside, OUTSIDE):
            assert ask(port.namespace, OUTSIDE) == ask(there.namespace, OUTSIDE) == f"hello {HOST}"
        with http_server(other.namespace, str(other.range.router)):
            assert ask(port.namespace, str(other.range.router), limit_s=1) == "timed out"
    finally:
        other.close()
        os.close(there.namespace)


def test_what_is_named_to_be_avoided_is(made):
    router = Router(host.look(), (IPv4Network("10.213.9.9/32"),))
    assert str(router.range.network) == "10.214.0.0/16"
    router.close()


def test_no_range_is_left(made):
    with Netlink(ROUTE) as route:
        for number, network in enumerate(("10.0.0.1/8", "172.16.0.1/12", "100.64.0.1/10")):
            address, _, prefix = network.partition("/")
            route.ask([messages.add_bridge(f"lan{number}", 50 + number, f"02:00:00:00:00:0{number}")])
            route.ask([messages.add_address(50 + number, address, int(prefix))])
    with pytest.raises(FarmError, match="no address range is left"):
        Router(host.look())
    assert (uplinks(), tables(), forwarding("eth0")) == ([], (), "0")


FIREWALL = """
table ip filter {
    chain FORWARD {
        type filter hook forward priority 0; policy drop;
        ct state invalid drop comment "theirs"
    }
    chain INPUT {
        type filter hook input priority 0; policy accept;
    }
}
table inet wall {
    chain forward {
        type filter hook forward priority 10; policy drop;
    }
}
"""


@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft")
def test_chains_of_others_that_drop_let_the_farm_pass_and_are_as_before_afterwards(made):
    def nft(*arguments: str, text: str = "") -> str:
        return subprocess.run(["nft", *arguments], input=text, check=True, capture_output=True, text=True).stdout

    nft("-f", "-", text=FIREWALL)
    before = nft("list", "ruleset")
    router, other = Router(host.look()), Router(host.look())
    try:
        port = router.add_port(fresh(ipv6=False))
        try:
            with http_server(made.outside, OUTSIDE):
                assert ask(port.namespace, OUTSIDE) == f"hello {HOST}"
        finally:
            os.close(port.namespace)
        assert nft("list", "ruleset").count('iifname "farm-*" accept comment "farm"') == 2
        other.close()
        assert nft("list", "ruleset").count('oifname "farm-*" accept comment "farm"') == 2
    finally:
        other.close()
        router.close()
    assert nft("list", "ruleset") == before


KILLED = """
import os, sys
from farm.network import host
from farm.network.router import Router
from farm.network.fresh import fresh
router = Router(host.look())
ports = [router.add_port(fresh()) for _ in range(5)]
print(router.name, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["next run", "sweep"])
def test_C01_what_a_killed_run_leaves_goes_with_the_next_or_a_sweep(made, how, slowdown):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "farm-0\n"
        assert host.left() == host.Left()
        with host.locked():
            assert host.sweep() == host.Left()
        assert forwarding("eth0") == "1"
        run.send_signal(signal.SIGKILL)
    wait_until(lambda: uplinks() == [], 5 * slowdown)
    assert host.left().forwarding == ("eth0",)
    if how == "sweep":
        with host.locked():
            assert host.sweep().forwarding == ("eth0",)
    else:
        Router(host.look()).close()
    assert (tables(), forwarding("eth0"), host.left()) == ((), "0", host.Left())


def test_a_table_that_no_socket_owned_is_swept_when_its_uplink_is_gone(made, router):
    """Before Linux 5.12 tables have no owner."""
    with Netlink(NETFILTER) as netfilter:
        netfilter.commit(filters.table_requests("farm-77", (), owned=False))
        netfilter.commit(filters.table_requests("farmhouse", (), owned=False))
        netfilter.commit(filters.table_requests("farm-house", (), owned=False))
    assert host.left().phrases() == ("packet filter table farm-77",)
    with host.locked():
        assert host.sweep() == host.Left(("farm-77",))
    assert set(tables()) == {"farmhouse", "farm-house", "farm-guard", router.name}


def test_a_port_that_cannot_be_made_gives_its_slot_back_and_closes_its_namespace(made, router):
    namespace = fresh(ipv6=False)
    with inside(namespace), Netlink(ROUTE) as route:
        route.ask([messages.add_bridge("eth0", 7, "02:00:00:00:00:01")])  # in the way
    with pytest.raises(KernelError) as raised:
        router.add_port(namespace)
    assert (raised.value.call, raised.value.errno) == ("RTM_NEWLINK", errno.EEXIST)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(namespace)
    port = router.add_port(fresh(ipv6=False))
    os.close(port.namespace)


def test_an_error_says_which_of_many_requests_failed(made):
    with Netlink(ROUTE) as route:
        good = messages.add_bridge("one", 60, "02:00:00:00:00:01")
        bad = messages.add_address(61, "203.0.113.9", 24)
        with pytest.raises(KernelError) as raised:
            route.ask([good, bad, messages.add_address(60, "203.0.113.8", 24)])
    assert (raised.value.call, raised.value.errno) == ("RTM_NEWADDR", errno.ENODEV)
    assert "203.0.113.9/24" in str(raised.value)


def test_a_transaction_of_nftables_is_done_whole_or_not_at_all(made):
    chain = filters.Chain("forward", "forward", ((filters.drop(),),))
    with Netlink(NETFILTER) as netfilter:
        requests = filters.table_requests("farm-88", (chain,), owned=False)
        with pytest.raises(KernelError) as raised:
            netfilter.commit([*requests, filters.rule_request("farm-88", "no-such-chain", (filters.accept(),))])
        assert raised.value.errno == errno.ENOENT
        assert tables() == ()
        netfilter.commit(requests)
        assert tables() == ("farm-88",)


def wait_until(condition, limit_s):
    until_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)  # between two looks, not instead of one
