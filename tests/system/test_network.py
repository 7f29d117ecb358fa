"""``network`` and ``services`` of a matrix file, in whole runs on real images and a world of their own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from farm.model.outcome import Outcome
from farm.network import host
from farm.network.links import list_links
from tests.kernel.world import HOST, OUTSIDE, http_server, world
from tests.system.conftest import ROOT

pytestmark = [pytest.mark.root, pytest.mark.rootfs]

CLOSED = "! wget -q -T 5 -O - http://{}/"


@pytest.fixture
def made(nothing_left):
    with world() as found:
        yield found


@pytest.fixture
def distros():
    folder = Path(os.environ.get("FARM_TEST_ROOTFS") or ROOT.parent / "shared" / "rootfs")
    names = {"alpine": "alpine-3.20", "busybox": "busybox", "old": "ubuntu-12.04"}
    return ", ".join(f"{{name: {name}, rootfs: {next(folder.glob(f'{file}-*'))}}}" for name, file in names.items())


def logs(farm, job):
    return (farm.folder / "reports/latest/logs" / job.replace("/", "@") / "1.log").read_text()


def test_each_network_reaches_what_it_should_and_no_more(farm, made, distros):
    jobs = f"""
  none: {{distros: [alpine], run: "{CLOSED.format(OUTSIDE)}"}}
  host: {{distros: [alpine], network: host, run: "wget -q -O - http://{OUTSIDE}/; wget -q -O - http://127.0.0.1:8080/"}}
  isolated:
    distros: [alpine]
    network: isolated
    run: |
      wget -q -O - http://{OUTSIDE}/
      for each in 127.0.0.1 10.213.255.253 {HOST}; do
        {CLOSED.format("$each:8080")} || exit 1
      done
"""
    with http_server(made.outside, OUTSIDE), http_server(made.host, "127.0.0.1", 8080):
        done = farm.run("run", farm.write(jobs, distros=distros))
    assert done.returncode == 0, done.stdout
    assert farm.outcomes() == {Outcome.PASSED: 3}
    assert logs(farm, "isolated/alpine").startswith(f"hello {HOST}\n")
    assert logs(farm, "host/alpine") == f"hello {HOST}\nhello 127.0.0.1\n"
    results = json.loads((farm.folder / "reports/latest/results.json").read_text())
    assert results["isolation"]["opted_out"] == [{"what": "network: host", "jobs": ["host/alpine"]}]
    assert (host.left(), list_links()) == (host.Left(), ())


def test_services_of_other_distros_before_the_job_and_their_end(farm, living, distros):
    jobs = """
  web:
    distros: [old]
    services:
      web:
        distro: busybox
        run: mkdir /www; echo from busybox > /www/index.html; exec httpd -f -p 80 -h /www
        healthcheck: {run: "wget -q -O - http://localhost/", interval: 100ms}
    shell: bash -e
    run: |
      exec 3<>/dev/tcp/web/80
      printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3
      grep busybox <&3
  never:
    distros: [alpine]
    services:
      db: {distro: old, run: "echo starting; exec sleep 4715", healthcheck: {run: "exit 1", interval: 50ms, retries: 2}}
    run: echo ran
"""
    done = farm.run("run", farm.write(jobs, distros=distros))
    assert done.returncode == 6, done.stdout
    assert farm.outcomes() == {Outcome.PASSED: 1, Outcome.ERROR: 1}
    assert logs(farm, "web/old") == "from busybox\n"
    assert "service db: is not healthy; its healthcheck was run 2 times" in done.stdout
    assert "its last line: starting" in done.stdout
    assert "ran\n" not in logs(farm, "never/alpine")
    assert not living("sleep 4715")
