"""Issue 2, "It must show" 8: wrong matrix files end with exit code 4 and one clear message each; C10: hosts that are full."""

from __future__ import annotations

import os
import resource
import tarfile

import pytest

from farm.kernel import mount
from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

HEAD = "version: 1\ndistros: [host]\njobs:\n"
GOOD = HEAD + '  unit: {run: "true"}\n'
NOWHERE = "{name: gone, rootfs: no-such.tar.gz}"
SHORT = "{name: short, rootfs: small.tar, sha256: abc123}"
OTHER = "{name: other, rootfs: small.tar, sha256: " + "ab" * 32 + "}"

WRONG = {
    "unknown key": (HEAD + '  unit: {run: "true", timout: 5m}\n', [":4:23", "timout"], "did you mean 'timeout'?"),
    "wrong type": (HEAD + "  unit: {run: [a, b]}\n", [":4:", "run"], None),
    "missing file": (GOOD.replace("host", NOWHERE), [":2:", "no-such.tar.gz"], None),
    "digest of a wrong length": (GOOD.replace("host", SHORT), [":2:", "sha256"], "64 hex digits"),
    "digest of something else": (GOOD.replace("host", OTHER), [":2:", "ab" * 32, "small.tar"], "correct sha256"),
    "bad duration": (HEAD + '  unit: {run: "true", timeout: soon}\n', [":4:", "soon"], "10m"),
    "not YAML": ("version: 1\n\tdistros: ]\n", [":2:"], None),
    "empty": ("", ["matrix.yaml"], None),
    "a list at top": ("- version: 1\n- distros: [host]\n", [":1:1"], None),
    "unknown distro": (GOOD.replace("host", "hots"), [":2:", "hots"], "host"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_matrix_file_is_one_message_and_four(farm, name):
    text, shown, remedy = WRONG[name]
    (farm.folder / "matrix.yaml").write_text(text)
    with tarfile.open(farm.folder / "small.tar", "w"):
        pass
    done = farm.run("run", "matrix.yaml")
    assert done.returncode == 4
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: matrix.yaml has 1 error"), done.stderr
    for each in shown + [remedy or ""]:
        assert each in done.stderr
    assert not (farm.folder / "reports").exists()


def test_a_matrix_that_is_not_there_is_four(farm):
    done = farm.run("run")
    assert done.returncode == 4
    assert "no such file" in done.stderr


def test_every_error_of_a_file_is_shown_at_once(farm):
    (farm.folder / "matrix.yaml").write_text(HEAD + '  a: {run: "true", timeout: soon}\n  b: {rum: "true"}\n')
    done = farm.run("run")
    assert done.returncode == 4
    assert "soon" in done.stderr
    assert "rum" in done.stderr


def small_disk(path, size, *, read_only=False):
    """A file system of its own at ``path``; it is in this process's mount namespace and goes with it."""
    path.mkdir()
    mount.mount("small", str(path), "tmpfs", mount.MS_RDONLY if read_only else 0, f"size={size},mode=755")
    return path


@pytest.fixture
def disk(nothing_left, tmp_path):
    """Makes small disks, and takes them away after the test."""
    made = []

    def make(size, *, read_only=False):
        made.append(small_disk(tmp_path / f"disk{len(made)}", size, read_only=read_only))
        return made[-1]

    yield make
    for path in made:
        mount.umount2(str(path), mount.MNT_DETACH)


def test_C10_a_read_only_folder_of_reports_is_four(disk, farm):
    matrix = farm.write('  unit: {run: "true"}')
    path = disk("64k", read_only=True)
    done = farm.run("run", matrix, "--reports", path)
    assert done.returncode == 4
    assert f"{path}: Read-only file system" in done.stderr
    assert "--reports" in done.stderr


def test_C10_reports_where_a_file_is_are_four(farm):
    matrix = farm.write('  unit: {run: "true"}')
    (farm.folder / "taken").write_text("")
    done = farm.run("run", matrix, "--reports", "taken")
    assert done.returncode == 4
    assert "the folder of reports cannot be used" in done.stderr


@pytest.mark.parametrize("size", ["4k", "64k", "256k"])
def test_C10_a_full_disk_of_reports_is_never_a_pass(disk, farm, size):
    numbers = ", ".join(str(each) for each in range(40))
    flood = f"  unit: {{run: 'head -c 20000 /dev/zero; true', strategy: {{matrix: {{n: [{numbers}]}}}}}}"
    done = farm.run("run", farm.write(flood), "--reports", disk(size))
    assert done.returncode in (4, 6), done.stdout + done.stderr
    assert "disk is full" in done.stdout + done.stderr or "No space left on device" in done.stdout + done.stderr


def test_C10_a_full_disk_of_images_is_the_farms_error(disk, farm):
    home = disk("1m")
    matrix = farm.write('  unit: {run: "true"}')
    done = farm.run("run", matrix, home=home)
    assert done.returncode == 6
    assert "No space left on device" in done.stdout
    assert farm.outcomes() == {Outcome.ERROR: 1}
    assert os.listdir(home / "store") == []
    assert os.listdir(home / "staging") == []


def test_C10_a_read_only_folder_of_the_farm_is_four(disk, farm):
    matrix = farm.write('  unit: {run: "true"}')
    done = farm.run("run", matrix, home=disk("64k", read_only=True) / "farm")
    assert done.returncode == 4
    assert "FARM_HOME" in done.stderr
    assert not (farm.folder / "reports").exists()


@pytest.mark.parametrize("factor", ["inf", "nan", "0", "1e300"])
@pytest.mark.parametrize("option", ["--overcommit-cpu", "--overcommit-memory"])
def test_a_factor_that_is_none_is_four(farm, option, factor):
    done = farm.run("run", farm.write('  unit: {run: "true"}'), option, factor)
    assert (done.returncode, done.stdout) == (4, "")
    assert option in done.stderr


def test_a_fifo_in_a_folder_of_distros_keeps_nobody_waiting(farm):
    matrix = farm.write('  unit: {run: "true"}')
    (farm.folder / "distros").mkdir()
    os.mkfifo(farm.folder / "distros" / "a.yaml")
    done = farm.run("validate", matrix)
    assert done.returncode == 4
    assert "distros/a.yaml" in done.stderr


def test_C11_too_few_descriptors_for_one_job_are_four(farm):
    process = farm.start(
        "run",
        farm.write('  unit: {run: "true"}'),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30)),
    )
    err = process.communicate(timeout=60 * farm.slowdown)[1]
    assert process.returncode == 4
    assert "ulimit -n" in err


def test_closed_descriptors_are_nobodys_sockets(farm):
    matrix = farm.write('  unit: {run: "echo said"}')
    process = farm.start("run", matrix, preexec_fn=lambda: os.closerange(0, 3))
    process.communicate(timeout=60 * farm.slowdown)
    assert process.returncode == 0
    assert (farm.folder / "reports/latest/logs/unit@small/1.log").read_text() == "said\n"


def test_a_folder_that_was_deleted_is_four(farm):
    matrix = farm.write('  unit: {run: "true"}')
    gone = farm.folder / "gone"
    gone.mkdir()

    def leave():
        os.chdir(gone)
        gone.rmdir()

    process = farm.start("run", matrix, preexec_fn=leave)
    err = process.communicate(timeout=60 * farm.slowdown)[1]
    assert process.returncode == 4
    assert "--reports" in err


def test_limits_of_whoever_started_the_farm_are_not_the_jobs(farm):
    """``ulimit -Su 1``: all containers are one user, whose processes together would be too many."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    matrix = farm.write("  unit: {run: 'sleep 0.1 & sleep 0.1 & wait; ulimit -u'}")
    process = farm.start("run", matrix, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, hard)))
    out = process.communicate(timeout=60 * farm.slowdown)[0]
    assert process.returncode == 0, out


def test_a_secret_that_this_host_has_not_is_told_before_anything_runs(farm):
    (farm.folder / "matrix.yaml").write_text(HEAD + '  unit: {run: "true", secrets: [FARMTEST_NO_SUCH]}\n')
    assert farm.run("validate").returncode == 0
    done = farm.run("run")
    assert done.returncode == 4
    assert "FARMTEST_NO_SUCH: wanted by unit/host" in done.stderr
    assert not (farm.folder / "reports").exists()


def test_a_secret_that_could_not_be_covered_is_told_before_anything_runs(farm, monkeypatch):
    monkeypatch.setenv("FARMTEST_PIN", "7#9")
    (farm.folder / "matrix.yaml").write_text(HEAD + '  unit: {run: "true", secrets: [FARMTEST_PIN]}\n')
    done = farm.run("run")
    assert done.returncode == 4
    assert "too short to be kept: FARMTEST_PIN" in done.stderr
    assert "7#9" not in done.stdout + done.stderr
    assert not (farm.folder / "reports").exists()
