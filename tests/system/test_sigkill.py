"""C01: SIGKILL of ``farm run`` with 100 live containers; 300 containers alive at once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from farm.kernel import proc
from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

KILLED = "sleep 4802"
MANY = "sleep 4806"
LIVE = 100
AXIS = f"strategy: {{matrix: {{n: [{', '.join(str(each) for each in range(LIVE))}]}}}}"


def run_folders(run_id):
    """Folders of a run in the hierarchies of control groups."""
    tops = {each.mount_point for each in proc.mounts() if each.fstype in ("cgroup", "cgroup2")}
    return [path for top in tops if (path := Path(top, "farm", run_id)).is_dir()]


def farm_mounts():
    return [each for each in proc.mounts() if "farm" in each.source or each.fstype == "overlay"]


@pytest.mark.parametrize("next_command", ["run", "gc"])
def test_C01_sigkill_of_a_run_with_100_live_containers(farm, living, next_command):
    before = farm_mounts()
    # The limit is for small machines: what the limits may add up to there would hold some of them back.
    matrix = farm.write(f"  unit: {{run: 'exec {KILLED}', resources: {{memory: 64M}}, {AXIS}}}")
    process = farm.start("run", matrix, "-j", LIVE)
    assert farm.wait(lambda: len(living(KILLED)) == LIVE)
    helpers = psutil.Process(process.pid).children(recursive=True)
    (run_id,) = os.listdir(farm.folder / "reports")
    assert run_folders(run_id)
    process.kill()
    killed_s = time.monotonic()
    assert farm.wait(lambda: not living(KILLED), 2), f"{len(living(KILLED))} processes live on"
    assert farm.wait(lambda: not any(alive(each) for each in helpers), 2 - (time.monotonic() - killed_s))

    matrix = farm.write('  unit: {run: "true"}', "next.yaml")
    done = farm.run(*(["run", matrix, "-q"] if next_command == "run" else ["gc"]))
    assert done.returncode == 0, done.stderr
    assert run_folders(run_id) == []
    assert farm_mounts() == before
    assert os.listdir(farm.home / "staging") == []
    # What is left of it is its report, as far as it came: the journal and the logs.
    assert {each.name for each in (farm.folder / "reports" / run_id).iterdir()} <= {
        "logs", "journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm",
    }  # fmt: skip
    record = farm.record(run_id)
    assert [each.outcome for each in record.jobs] == [None] * LIVE


def test_C01_sigkill_during_the_import_of_an_image(farm, tmp_path, long_archive):
    home = tmp_path / "fresh"
    matrix = farm.write('  unit: {run: "true"}', distros=f"{{name: long, rootfs: {long_archive}}}")
    process = farm.start("run", matrix, home=home)
    assert farm.wait(lambda: any((home / "staging").glob("*/rootfs/*")))
    helpers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    assert farm.wait(lambda: not any(alive(each) for each in helpers), 2)
    assert os.listdir(home / "staging") != []
    assert farm.run("run", farm.write('  unit: {run: "true"}', "next.yaml"), home=home).returncode == 0
    assert os.listdir(home / "staging") == []


def alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow_in_vm
def test_300_containers_alive_at_once_with_the_default_limits(farm, living):
    # A megabyte each, whatever their limits add up to; the host needs 10 GiB for those (see policy).
    more = "" if psutil.virtual_memory().available > 10 << 30 else ", resources: {memory: 64M}"
    numbers = ", ".join(str(each) for each in range(300))
    matrix = farm.write(f"  unit: {{run: 'echo up; exec {MANY}', strategy: {{matrix: {{n: [{numbers}]}}}}{more}}}")
    process = farm.start("run", matrix, "-j", "300")
    assert farm.wait(lambda: len(living(MANY)) == 300, 60)
    namespaces = {os.readlink(f"/proc/{each.pid}/ns/pid") for each in living(MANY)}
    assert len(namespaces) == 300
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 2
    assert farm.outcomes() == {Outcome.CANCELLED: 300}
    assert living(MANY) == []
