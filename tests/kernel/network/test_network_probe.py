from __future__ import annotations

import os
from pathlib import Path

from farm.kernel import process
from farm.network import host
from farm.network.links import list_links
from farm.network.probe import isolated_failure, loopback_failure
from tests.kernel.world import world


def test_a_scratch_loopback_comes_up_and_nothing_stays(tmp_path: Path) -> None:
    assert loopback_failure(str(tmp_path)) == ""
    assert os.listdir(tmp_path) == []


def test_the_reason_is_told_where_it_cannot(tmp_path: Path) -> None:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            process.become(65534, 65534)
            os.write(write, loopback_failure(str(tmp_path / "x")).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        text = told.read()
    os.waitpid(pid, 0)
    assert "EACCES" in text or "EPERM" in text


def test_a_whole_isolated_network_is_tried_and_the_host_is_not_touched() -> None:
    with world():
        assert isolated_failure() == ""
        assert (host.left(), list_links()) == (host.Left(), ())
        assert Path("/proc/sys/net/ipv4/conf/eth0/forwarding").read_text() == "0\n"
