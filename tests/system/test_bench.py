"""``python -m bench`` as one starts it: with tiny numbers it measures the farm beside crun, and leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.kernel import proc

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.root, pytest.mark.rootfs, pytest.mark.slow_in_vm]
_TINY = "--rounds 1 --lives 2 --seconds 0.1 --parallel 1 --jobs 8 --alive 3".split()


@pytest.fixture(autouse=True)
def _nothing_of_it_left(nothing_left: None) -> Iterator[None]:
    folders, groups = _folders(), _groups()
    yield
    assert _folders() - folders == set()
    assert _groups() - groups == set()


def test_the_farm_beside_crun_and_what_is_broken_or_not_installed(rootfs_dir: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("crun", "sh", "xargs"):
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"needs {name}")
        (programs / name).symlink_to(found)
    (programs / "runc").write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    (programs / "runc").chmod(0o755)
    figures, picture = tmp_path / "figures.json", tmp_path / "plot.svg"
    arguments = (*_TINY, "--peers", "crun", "runc", "docker", "--json", str(figures), "--svg", str(picture))
    done = subprocess.run(
        _words(rootfs_dir, *arguments),
        cwd=ROOT,
        env={**os.environ, "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(figures.read_text())
    assert said["absent"] == {
        "runc": "runc spec ended with 3: it is broken",
        "docker": "not installed: Debian's package docker.io has it",
    }
    for name in ("floor", "floor without init", "floor, new groups", "farm's API", "crun"):
        assert len(said["latency"][name]) == 2
        assert len(said["throughput"][name]["a_second"]) == 1
    assert [(each["tool"], each["count"], each["why_not"]) for each in said["crowds"]] == [
        ("farm run", 3, ""),
        ("crun", 3, ""),
    ]
    (run,) = said["runs"]
    assert run["jobs"] == 8
    assert 0 < run["first_s"] < run["took_s"]
    assert 0 < run["after_s"] < run["took_s"]
    assert "not installed: Debian's package docker.io has it" in done.stdout
    assert "whole farm run beside crun" in done.stdout
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")


def test_ctrl_c_ends_it_and_leaves_nothing(rootfs_dir: Path, slowdown: float) -> None:
    words = _words(rootfs_dir, *_TINY, "--lives", "100000", "--peers", "crun")
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        try:
            assert bench.stdout is not None
            assert bench.stderr is not None
            assert any(line.startswith("one after another") for line in bench.stderr)
            bench.send_signal(signal.SIGINT)
            assert bench.wait(20 * slowdown) == 130
            assert "Traceback" not in bench.stderr.read()
            assert "times python -c pass" in bench.stdout.read()  # what was measured by then
        finally:
            bench.kill()


def _words(rootfs_dir: Path, *arguments: str) -> list[str]:
    tarballs = sorted(rootfs_dir.glob("alpine-3.20-*.tar.gz"))
    if not tarballs:
        pytest.skip("needs the root filesystem alpine-3.20")
    return [sys.executable, "-m", "bench", "--rootfs", str(tarballs[0]), *arguments]


def _folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("farm-corner-*"))


def _groups() -> set[Path]:
    points = [Path(each.mount_point) for each in proc.mounts() if each.fstype in ("cgroup", "cgroup2")]
    return {group for point in points for group in point.glob("farm-corner-*")}
