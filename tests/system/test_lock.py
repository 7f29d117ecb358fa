"""``farm image lock`` and ``farm run --locked``: the images of the lock file, or none."""

from __future__ import annotations

import hashlib
import os
import tarfile

import pytest
import yaml

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

JOB = '  unit: {run: "true"}'


def archive(path, content):
    (path.parent / "file").write_text(content)
    with tarfile.open(path, "w") as tar:
        tar.add(path.parent / "file", "file")


def test_a_locked_run_takes_the_images_of_the_lock_and_no_others(farm):
    archive(farm.folder / "own.tar", "one")
    matrix = farm.write(JOB, distros=f"host, {farm.distro}")
    done = farm.run("run", matrix, "--locked")
    assert done.returncode == 4
    assert "farm image lock" in done.stderr
    assert farm.run("image", "lock", matrix).returncode == 0
    lock = farm.folder / "matrix.lock"
    first = lock.read_text()
    assert yaml.safe_load(first)["distros"]["host"] == {"digest": "host", "source": "host"}
    assert farm.run("image", "lock", matrix).returncode == 0
    assert lock.read_text() == first
    done = farm.run("run", matrix, "--locked")
    assert done.returncode == 0, done.stdout + done.stderr
    assert farm.outcomes() == {Outcome.PASSED: 2}

    farm.write(JOB, distros=f"{farm.distro}, {{name: own, rootfs: own.tar}}, {{name: other, rootfs: own.tar}}")
    done = farm.run("run", matrix, "--locked")
    assert done.returncode == 4
    assert [line for line in done.stderr.splitlines() if "lock file" in line] == [
        "own is not in the lock file",
        "other is not in the lock file",
    ]
    assert farm.run("run", matrix, "--locked", "-d", "small").returncode == 0


def test_an_image_that_has_changed_is_refused_before_any_job(farm):
    archive(farm.folder / "own.tar", "one")
    matrix = farm.write(JOB, distros="{name: own, rootfs: own.tar}, host")
    assert farm.run("image", "lock", matrix).returncode == 0
    before = yaml.safe_load((farm.folder / "matrix.lock").read_text())["distros"]["own"]
    assert before["source"] == "own.tar"
    archive(farm.folder / "own.tar", "two")
    done = farm.run("run", matrix, "--locked")
    assert done.returncode == 4
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("own "))
    assert f"is locked to {before['digest']}, and is now " in line
    assert "farm image lock" in done.stderr
    assert not (farm.folder / "reports").exists() or os.listdir(farm.folder / "reports") == []
    assert farm.run("image", "lock", matrix).returncode == 0
    after = yaml.safe_load((farm.folder / "matrix.lock").read_text())["distros"]["own"]
    assert f"is now {after['digest']} " in line


def test_a_lock_that_cannot_be_made_leaves_the_old_one(farm):
    archive(farm.folder / "own.tar", "one")
    matrix = farm.write(JOB, distros="{name: own, rootfs: own.tar}")
    assert farm.run("image", "lock", matrix).returncode == 0
    before = (farm.folder / "matrix.lock").read_text()
    (farm.folder / "own.tar").write_text("no archive")
    assert farm.run("image", "lock", matrix).returncode == 6
    assert (farm.folder / "matrix.lock").read_text() == before
    assert [each.name for each in farm.folder.glob("matrix.lock*")] == ["matrix.lock"]


def test_what_each_of_several_sources_gave_is_told(farm):
    archive(farm.folder / "own.tar", "one")
    archive(farm.folder / "spare.tar", "spare")
    matrix = farm.write(JOB, distros="{name: own, sources: [own.tar, gone.tar, spare.tar]}")
    assert farm.run("image", "lock", matrix).returncode == 0
    archive(farm.folder / "own.tar", "two")
    done = farm.run("run", matrix, "--locked")
    assert done.returncode == 4
    tried = [line for line in done.stderr.splitlines() if line.startswith("  tried ")]
    assert [name in line for name, line in zip(("own.tar", "gone.tar", "spare.tar"), tried, strict=True)] == [True] * 3


def test_a_pull_of_what_is_known_by_its_digest_says_that_it_was_there(farm):
    archive(farm.folder / "own.tar", "one")
    digest = hashlib.sha256((farm.folder / "own.tar").read_bytes()).hexdigest()
    assert farm.run("image", "import", "own.tar").returncode == 0
    own = f"{{name: own, sources: [gone.tar, {{rootfs: 'https://farm.invalid/x.tar', sha256: {digest}}}]}}"
    done = farm.run("image", "pull", "own", "--matrix", farm.write(JOB, distros=own))
    assert done.returncode == 0, done.stderr
    assert "own: there already, known by its sha256, because cannot import" in done.stderr
    assert "from https" not in done.stderr
