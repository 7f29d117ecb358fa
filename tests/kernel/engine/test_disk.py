"""resources.disk: scratch space on disk, of the size asked for, gone with its container."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from farm.engine.disk import make_disk
from farm.errors import FarmError, KernelError
from farm.model.limits import Limits
from farm.model.outcome import Outcome

MIB = 1 << 20
SMALL = Limits(memory_bytes=32 * MIB, disk_bytes=256 * MIB)


@pytest.fixture(autouse=True)
def _no_device_left(tmp_path):
    if shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
        pytest.skip("needs mkfs.ext4")
    if not Path("/dev/loop-control").exists():
        pytest.skip("needs loop devices")
    yield
    assert attached(tmp_path) == []


def attached(folder: Path) -> list[str]:
    """Files below ``folder`` that are behind loop devices; those elsewhere are of others."""
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            found.append(backing.read_text().strip())
        except OSError:
            continue  # freed meanwhile
    return [each for each in found if each.startswith(f"{folder}/")]


def test_three_times_the_memory_fits_on_the_disk(run):
    attempt, log = run("dd if=/dev/zero of=/big bs=1M count=100; ls -ln /big; df -k / | tail -1", limits=SMALL)
    assert attempt.outcome is Outcome.PASSED, log
    assert f" {100 * MIB} ".encode() in log


def test_files_belong_to_who_made_them(run):
    attempt, log = run(
        """
        touch /root-file; chown 65534:65534 /root-file; mkdir /dir; mv /dir /renamed; rm /etc/motd; ! ls /etc/motd
        stat -c %u:%g /root-file; stat -c %u:%g /etc/passwd; stat -c %u /
        su -s /bin/sh nobody -c 'cp /bin/busybox /tmp/mine && stat -c %u /tmp/mine'
        """,
        limits=SMALL,
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert log.split()[-4:] == [b"65534:65534", b"0:0", b"0", b"65534"]


def test_C05_a_full_disk_is_the_jobs_own_failure(run):
    limits = Limits(memory_bytes=64 * MIB, disk_bytes=16 * MIB)
    attempt, log = run("dd if=/dev/zero of=/big bs=1M count=100", limits=limits)
    assert attempt.outcome is Outcome.FAILED
    assert b"No space left on device" in log


def test_disk_of_no_size_is_an_error_that_names_the_step(run):
    attempt, _ = run("true", limits=Limits(disk_bytes=4096))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.failure is not None
    assert attempt.failure.step == "make disk"
    assert attempt.failure.hint


def test_folder_that_cannot_hold_a_nameless_file_is_told():
    with pytest.raises(KernelError) as caught:
        make_disk("/proc/self", 16 * MIB)
    assert "/proc/self" in str(caught.value)


def test_missing_mkfs_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("farm.engine.disk._PATH", str(tmp_path))
    with pytest.raises(FarmError) as caught:
        make_disk(str(tmp_path), 16 * MIB)
    assert caught.value.remedy == "install e2fsprogs"


def test_C01_nothing_is_left_of_a_disk_whose_maker_was_killed(tmp_path):
    code = (
        "import sys; from farm.engine.disk import make_disk; make_disk(sys.argv[1], 16 << 20);"
        " print('made', flush=True); input()"
    )
    root = str(Path(__file__).resolve().parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == b"made\n"
        assert attached(tmp_path)
        maker.send_signal(signal.SIGKILL)
    assert not attached(tmp_path)
    assert list(tmp_path.iterdir()) == []
