"""The project's own matrix as README runs it on an empty folder, then packages installed on the Debian that it made.

Debian's mirror is the real one. One run bootstraps three releases, and every test here works with what it left.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from farm.model.outcome import Outcome
from farm.model.run import RunRecord
from tests.conftest import leaving_nothing
from tests.system.conftest import ROOT, Farm

# The first test pays for the bootstraps: 600 s are for a slow mirror.
pytestmark = [pytest.mark.root, pytest.mark.slow_in_vm, pytest.mark.timeout(600)]

RELEASES = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie"}
MIRROR = "http://deb.debian.org/debian"
INSTALL = "{{ distro.install }}"


@dataclass(frozen=True, slots=True)
class Example:
    """The first run of the project's matrix, its folder, and what package managers change of a host, before and after."""

    home: Path
    done: CompletedProcess[str]
    record: RunRecord
    host_before: dict[str, float]
    host_after: dict[str, float]

    def images(self) -> dict[str, dict]:
        """What ``image.json`` tells of each image that the store has now, by digest."""
        found = self.home.glob("store/*/image.json")
        return {each.parent.name: json.loads(each.read_text()) for each in found}

    def debians(self) -> dict[str, dict]:
        """Those that were bootstrapped, by release."""
        prefix, suffix = "bootstrap of ", f" from {MIRROR}"
        found = [each for each in self.images().values() if each["source"].startswith(prefix)]
        return {each["source"].removeprefix(prefix).removesuffix(suffix): each for each in found}


@pytest.fixture(scope="module")
def example(mirror: None, own_corner: None, tmp_path_factory: pytest.TempPathFactory, slowdown: float) -> Example:
    """``farm run`` of the project's matrix on an empty folder."""
    scratch = tmp_path_factory.mktemp("example")
    farm = Farm(scratch, scratch / "home", "", slowdown)
    before = traces_of_tools()
    try:
        with leaving_nothing(slowdown):
            done = farm.run("run", ROOT / "matrix.yaml", "--ui", "plain", limit_s=540)
    finally:
        farm.close()
    return Example(farm.home, done, farm.record(), before, traces_of_tools())


@pytest.fixture
def multiplying(farm, example):
    """Run two jobs that need bc on Debian 12, as the catalogue has it, after installing ``packages``: how it ended."""

    def run(packages: str) -> CompletedProcess[str]:
        prepare = f"{{run: '{INSTALL} {packages}', network: host}}"
        jobs = f"  bc: {{run: 'echo 6*7 | bc | grep 42', prepare: {prepare}, strategy: {{matrix: {{n: [1, 2]}}}}}}"
        matrix = farm.write(jobs, distros="debian-12")
        return farm.run("run", matrix, "--ui", "plain", home=example.home, limit_s=300)

    return run


def traces_of_tools() -> dict[str, float]:
    """What a package manager changes when it installs something."""
    return {
        path: os.stat(path).st_mtime for path in ("/var/lib/dpkg/status", "/usr/bin", "/etc") if os.path.exists(path)
    }


def prepared(out: str) -> int:
    """How many images a run says it prepared of Debian 12."""
    return len(re.findall(r"^prepared debian-12.* in \d", out, re.MULTILINE))


def test_it_runs_on_the_host_and_three_debians_from_an_empty_folder(example):
    assert example.done.returncode == 0, example.done.stdout[-3000:] + example.done.stderr[-3000:]
    outcomes = Counter((each.job.distro, each.outcome) for each in example.record.jobs)
    assert {distro for distro, _ in outcomes} == {"host", *RELEASES}
    assert {outcome for _, outcome in outcomes} <= {Outcome.PASSED, Outcome.SKIPPED}
    assert outcomes.total() >= 200
    for distro in ("host", *RELEASES):
        assert outcomes[distro, Outcome.PASSED] > 0.9 * outcomes.total() / 4, outcomes


def test_each_debian_is_made_of_its_own_packages(example):
    made = example.debians()
    assert sorted(made) == sorted(RELEASES.values())
    for distro, release in RELEASES.items():
        facts = made[release]["facts"]
        assert (facts["id"], facts["version"], facts["package_manager"]) == ("debian", distro.split("-")[1], "apt")
        assert made[release]["tree"] == made[release]["digest"]
        root = example.home / "store" / made[release]["digest"] / "rootfs"
        assert (root / "usr/bin/passwd").stat().st_uid == 0
        assert not (root / "etc/resolv.conf").exists()
    assert list((example.home / "staging").iterdir()) == []


def test_it_says_how_far_a_bootstrap_is_while_jobs_on_the_host_run(example):
    lines = example.done.stdout.splitlines()
    for distro, release in RELEASES.items():
        told = [
            number for number, line in enumerate(lines) if line.startswith(f"bootstrap of {release} from {MIRROR}: ")
        ]
        jobs = [number for number, line in enumerate(lines) if f"/{distro}[" in line]
        assert told, f"no word of {release} in:\n" + "\n".join(lines)
        assert max(told) < min(jobs)
    first_made_at = min(each["imported_at"] for each in example.debians().values())
    on_host = [each for each in example.record.jobs if each.job.distro == "host"]
    assert min(each.attempts[0].started_at for each in on_host) < first_made_at


def test_the_host_is_not_changed(example):
    assert example.host_after == example.host_before


def test_the_next_run_makes_no_image(farm, example):
    before = example.images()
    done = farm.run("run", ROOT / "matrix.yaml", "-k", "tool and ls", "--ui", "plain", home=example.home)
    assert done.returncode == 0, done.stdout
    assert {each.job.distro for each in farm.record().jobs} == {"host", *RELEASES}
    assert "bootstrap" not in done.stdout + done.stderr
    assert example.images() == before


def test_a_package_is_installed_once_and_anew_when_the_script_changed(farm, example, multiplying):
    made = []
    for packages in ("bc", "bc", "bc file"):
        there = set(example.images())
        done = multiplying(packages)
        assert done.returncode == 0, done.stdout
        assert farm.outcomes() == {Outcome.PASSED: 2}
        assert "bootstrap" not in done.stdout
        made.append((prepared(done.stdout), len(set(example.images()) - there)))
    assert made == [(1, 1), (0, 0), (1, 1)]


def test_a_package_that_does_not_exist_is_told_once_in_the_words_of_apt(farm, example, multiplying):
    there = example.images()
    done = multiplying("no-such-package-at-all")
    assert done.returncode == 6, done.stdout
    assert farm.outcomes() == {Outcome.ERROR: 2}
    assert done.stdout.count("Unable to locate package no-such-package-at-all") == 1
    (log,) = (farm.folder / "reports/latest/prepare").iterdir()
    assert "Unable to locate package no-such-package-at-all" in log.read_text()
    assert {each.reason for each in farm.record().jobs} == {
        f"prepare: the prepare of debian-12 failed; exit status 100; log: prepare/{log.name}"
    }
    assert example.images() == there
