from __future__ import annotations

import os
from pathlib import Path

from farm.kernel import process
from farm.network.probe import loopback_failure


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
