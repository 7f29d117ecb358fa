"""B16 and ``network``: what a container reaches, and what it does not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from farm.cgroup import detect
from farm.engine import network
from farm.engine.local import LocalEngine
from farm.kernel.userns import IdMap
from farm.model.build import Network
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.network import host, messages, ruleset
from farm.network.links import list_links
from farm.network.netlink import NETFILTER, ROUTE, Netlink
from tests.kernel.engine.conftest import REFUSED, make_job, run_jobs
from tests.kernel.world import HOST, NAME, OUTSIDE, http_server, meeting, name_server, world
from tests.processes import running

ROOT = Path(__file__).resolve().parents[3]
RUN = f"network-{os.getpid()}"
WGET = "wget -q -T 5 -O - http://{}/"
CLOSED = """
closed() {
    if said=$(wget -q -T 5 -O - "http://$1/" 2>&1); then echo "reached $1: $said"; exit 1; fi
    case $said in *"timed out"*) echo "hangs: $1"; exit 1 ;; esac
}
"""


@pytest.fixture
def alpine(unpacked):
    return unpacked("alpine-3.20")


@pytest.fixture
def made():
    with world() as found:
        yield found


@pytest.fixture
def run_in(alpine, tmp_path, monkeypatch):
    """Run jobs at once on a host whose resolv.conf says ``resolv_conf``: each one's attempt and log."""

    def run_jobs_in(
        jobs: Sequence[Job], resolv_conf: str = f"nameserver {OUTSIDE}\n", rootfs: str = alpine
    ) -> list[tuple[Attempt, bytes]]:
        path = tmp_path / "resolv.conf"
        path.write_text(resolv_conf)
        monkeypatch.setattr(network, "RESOLV_CONF", str(path))
        engine = LocalEngine(RUN, str(tmp_path), (rootfs,), IdMap(0x70000000))
        attempts = asyncio.run(run_jobs(engine, rootfs, jobs))
        return [(each, (tmp_path / each.log_path).read_bytes() if each.log_path else b"") for each in attempts]

    return run_jobs_in


def isolated(script: str, **fields: object) -> Job:
    return make_job(script, network=Network.ISOLATED, **fields)


def test_an_http_request_through_nat_by_a_name(made, run_in):
    with http_server(made.outside, OUTSIDE), name_server(made.outside, OUTSIDE):
        ((attempt, log),) = run_in([isolated(WGET.format(NAME) + "; cat /etc/resolv.conf")])
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    assert log == f"hello {HOST}\nnameserver {OUTSIDE}\n".encode()


def test_nothing_of_it_is_left_on_the_host(made, run_in):
    before = forwarding()
    ((attempt, log),) = run_in([isolated("ip -4 addr show eth0; ip route")])
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    assert b"default via 10.213.0.1 dev eth0" in log
    assert (host.left(), list_links()) == (host.Left(), ())
    with Netlink(NETFILTER) as netfilter:
        assert ruleset.tables(netfilter) == ()
    assert forwarding() == before


def forwarding() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/sys/net/ipv4/conf"):
        with open(f"/proc/sys/net/ipv4/conf/{name}/forwarding") as file:
            found[name] = file.read().strip()
    return found


@pytest.mark.parametrize("kind", [Network.NONE, Network.ISOLATED])
def test_B16_the_hosts_loopback_is_not_reached(made, run_in, kind):
    with http_server(made.host, "127.0.0.1"), http_server(made.host, HOST, 8080):
        script = CLOSED + f"closed 127.0.0.1; closed {HOST}:8080; closed 10.213.255.253:8080"
        control = f"{WGET.format('127.0.0.1')}; {WGET.format(f'{HOST}:8080')}"
        found = run_in([make_job(script, network=kind), make_job(control, id="control/x", network=Network.HOST)])
    for attempt, log in found:
        assert attempt.outcome is Outcome.PASSED, (attempt, log)


def test_B16_without_a_network_nothing_is_reached(made, run_in):
    with http_server(made.outside, OUTSIDE):
        ((attempt, log),) = run_in([make_job(f"{CLOSED} test $(ls /sys/class/net) = lo; closed {OUTSIDE}")])
    assert attempt.outcome is Outcome.PASSED, (attempt, log)


PEER = (
    CLOSED
    + """
while true; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nsecret\\n' | nc -l -p 8000 >/dev/null; done &
own=$(ip -4 -o addr show eth0 | awk '{print $4}' | cut -d/ -f1)
for n in 2 3; do test $own = 10.213.0.$n || other=10.213.0.$n; done
until wget -q -O - http://$own:8000/ 2>/dev/null; do usleep 10000; done
wget -q -O - http://198.51.100.7/ >/dev/null
closed $other:8000
wget -q -O - http://198.51.100.7/ >/dev/null
"""
)
"""Serves, waits until the other one does, tries to reach it, and serves until the other one has tried."""


def test_B16_another_container_is_not_reached(made, run_in):
    with http_server(made.outside, OUTSIDE, handler=meeting(2)):
        found = run_in([isolated(PEER, id=f"peer/{n}") for n in range(2)])
    for attempt, log in found:
        assert (attempt.outcome, log) == (Outcome.PASSED, b"secret\n"), (attempt, log)


def test_root_inside_cannot_change_its_network(made, run_in):
    tried = ("ip link set eth0 down", "ip addr add 10.9.9.9/24 dev eth0", "ip route add 10.0.0.0/8 via 10.213.0.1")
    ((attempt, log),) = run_in([isolated(REFUSED + "; ".join(f"refused '{each}'" for each in tried))])
    assert attempt.outcome is Outcome.PASSED, (attempt, log)


def test_a_name_server_of_the_hosts_loopback_is_asked_by_the_farm(made, run_in):
    with name_server(made.host, "127.0.0.53"), http_server(made.outside, OUTSIDE):
        script = WGET.format(NAME) + "; cat /etc/resolv.conf"
        ((attempt, log),) = run_in([isolated(script)], "nameserver 127.0.0.53\noptions edns0\nsearch test\n")
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    assert log == f"hello {HOST}\nnameserver 10.213.0.1\noptions edns0\nsearch test\n".encode()


def test_the_hosts_network_is_shared_and_cannot_be_changed(made, run_in):
    """Root inside has no power over it, whatever capabilities it was given: they are the user namespace's."""
    tried = (
        "ip link set eth0 down",
        f"ip addr del {HOST}/24 dev eth0",
        "ip link add d type dummy",
        "ip route flush all",
    )
    script = (
        f"{REFUSED} {WGET.format(NAME)}; {'; '.join(f'refused {each!r}' for each in tried)}; ip -4 -o addr show eth0"
    )
    with http_server(made.outside, OUTSIDE), name_server(made.outside, OUTSIDE):
        jobs = [
            make_job(script, id=f"host/{n}", network=Network.HOST, cap_add=caps) for n, caps in enumerate(((), CAPS))
        ]
        found = run_in(jobs)
    for attempt, log in found:
        assert attempt.outcome is Outcome.PASSED, (attempt, log)
        assert log.startswith(f"hello {HOST}\n".encode())
        assert f"inet {HOST}/24".encode() in log


CAPS = ("NET_ADMIN", "NET_RAW", "SYS_ADMIN")


def test_capabilities_count_in_an_isolated_network_and_nowhere_else(made, run_in):
    script = f"ip link set lo mtu 1234 && ip addr add 10.9.9.9/32 dev eth0 && {WGET.format(OUTSIDE)}"
    with http_server(made.outside, OUTSIDE):
        found = run_in([isolated(script, cap_add=CAPS), isolated(WGET.format(OUTSIDE), id="beside/it")])
    for attempt, log in found:
        assert (attempt.outcome, log) == (Outcome.PASSED, f"hello {HOST}\n".encode()), attempt


def test_each_has_an_address_of_its_own(made, run_in):
    found = run_in([isolated("ip -4 -o addr show eth0", id=f"many/{n}") for n in range(40)])
    assert {attempt.outcome for attempt, _ in found} == {Outcome.PASSED}
    assert len({log for _, log in found}) == 40


def test_a_host_that_cannot_have_it_is_an_error_with_a_remedy(made, run_in):
    with Netlink(ROUTE) as route:
        for number, network_ in enumerate(("10.0.0.1/8", "172.16.0.1/12", "100.64.0.1/10")):
            address, _, prefix = network_.partition("/")
            route.ask([messages.add_bridge(f"lan{number}", 50 + number, f"02:00:00:00:00:0{number}")])
            route.ask([messages.add_address(50 + number, address, int(prefix))])
    jobs = [isolated("echo ran", id=f"t/{n}") for n in range(2)] + [make_job("echo ran", id="u/0")]
    first, second, plain = (attempt for attempt, _ in run_in(jobs))
    for each in (first, second):
        assert (each.outcome, each.failure.step) == (Outcome.ERROR, "network")
        assert "no address range is left" in each.reason
        assert "network: none" in each.failure.hint
    assert plain.outcome is Outcome.PASSED
    assert (host.left(), list_links()) == (host.Left(), ())


WITHOUT = """
import asyncio, sys
from tests.kernel.engine.conftest import make_job, run_jobs
from farm.engine.local import LocalEngine
from farm.kernel.userns import IdMap
from farm.model.build import Network
rootfs, folder = sys.argv[1:]
engine = LocalEngine("without", folder, (rootfs,), IdMap(0x70000000))
jobs = [make_job("true", id=f"a/{kind}", network=kind) for kind in (Network.NONE, Network.HOST)]
(one, other) = asyncio.run(run_jobs(engine, rootfs, jobs))
print(one.outcome, other.outcome, "pyroute2" in sys.modules)
"""


def test_jobs_without_an_isolated_network_do_not_import_what_makes_one(alpine, tmp_path):
    """A fifth of a second, and twenty megabytes."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, alpine, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "passed passed False\n"


def test_C01_a_killed_farm_takes_uplink_and_table_along(made, alpine, tmp_path, slowdown):
    code = WITHOUT.replace('make_job("true"', 'make_job("sleep 4714"').replace("(Network.NONE,", "(Network.ISOLATED,")
    with subprocess.Popen([sys.executable, "-c", code, alpine, str(tmp_path)], cwd=ROOT) as farm:
        try:
            wait_until(lambda: sleepers() == 2, 30 * slowdown)
            assert [each.name for each in list_links()] == ["farm-0"]
        finally:
            farm.kill()
    wait_until(lambda: not sleepers() and not list_links(), 10 * slowdown)
    with Netlink(NETFILTER) as netfilter:
        assert set(ruleset.tables(netfilter)) <= {host.GUARD}
    with host.locked():
        host.sweep()
    assert host.left() == host.Left()
    detect.sweep_dead()


def sleepers() -> int:
    return len(running(["sleep", "4714"]))


def wait_until(condition, limit_s):
    until_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)  # between two looks, not instead of one
