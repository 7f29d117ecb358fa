"""B16 and ``network``: what a container reaches, and what it does not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import pytest

from farm.engine import network
from farm.engine.local import LocalEngine
from farm.kernel.userns import IdMap
from farm.model.build import Network
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.network import host
from tests.kernel.engine.conftest import REFUSED, make_job, run_jobs
from tests.kernel.world import HOST, NAME, OUTSIDE, http_server, meeting, name_server, world

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
    assert host.left() == ()
    assert (host._tables(), host._uplinks()) == ((), ())
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
until wget -q -O - http://$own:8000/; do usleep 10000; done
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
