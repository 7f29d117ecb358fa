"""C11: a host that has no process left for a container makes jobs wait, and none of them fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from farm.kernel import proc
from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

JOBS = 60
PROCESSES = 100
# Takes every process that its group still has, and gives them back when its standard input ends.
FILLER = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_DFL)
children = []
try:
    while True:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except BlockingIOError:
    pass
print("full", flush=True)
sys.stdin.read()
for child in children:
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
"""


@pytest.fixture
def crowded():
    """A pids group with room for a few processes; gone afterwards."""
    tops = [
        Path(each.mount_point) for each in proc.mounts() if each.fstype == "cgroup" and "pids" in each.super_options
    ]
    if not tops:
        pytest.skip("needs the pids controller of cgroup v1: there a container begins in the group of who makes it")
    group = tops[0] / f"farm-test-{os.getpid()}"
    group.mkdir()
    (group / "pids.max").write_text(str(PROCESSES))
    yield group
    group.rmdir()


def refused(group):
    """How many forks in ``group`` met its limit."""
    return int((group / "pids.events").read_text().split()[1])


def test_C11_no_process_left_for_a_container_is_back_pressure(farm, crowded):
    def enter():
        (crowded / "cgroup.procs").write_text("0")

    numbers = ", ".join(map(str, range(JOBS)))
    matrix = farm.write(f"  unit: {{run: 'echo on; sleep 0.2', strategy: {{matrix: {{n: [{numbers}]}}}}}}")
    process = farm.start("run", matrix, "-j", 4, preexec_fn=enter)
    assert farm.wait(lambda: farm.logs_that_say("on") > 0)
    # Whatever becomes of this, its standard input ends with the block, and it with that.
    with subprocess.Popen(
        [sys.executable, "-c", FILLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=enter
    ) as filler:
        assert filler.stdout is not None
        assert filler.stdout.readline() == "full\n"
        before = refused(crowded)
        assert farm.wait(lambda: refused(crowded) > before + 2)
    out, err = process.communicate(timeout=60 * farm.slowdown)
    assert process.returncode == 0, out + err
    assert farm.outcomes() == {Outcome.PASSED: JOBS}
    assert all(len(each.attempts) == 1 for each in farm.record().jobs)
    (note,) = (text for kind, text in farm.record().notes if kind == "host")
    assert "no descriptors or processes were left" in note
