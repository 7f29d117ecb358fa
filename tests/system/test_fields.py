"""Every field of a job that a container has to make true, from a matrix file to the report, on real distributions."""

from __future__ import annotations

import os
from collections import Counter

import junitparser
import pytest

from farm.model.outcome import Outcome

pytestmark = [pytest.mark.root, pytest.mark.rootfs]

IMAGES = ("alpine-3.20", "ubuntu-12.04", "centos-7")
OWNER = 1234
TOKEN = "t0ken-of-this-test"

JOBS = """
  mounts:
    mounts:
      - {source: data, target: /ro}
      - {source: data, target: /over, mode: overlay}
      - {source: data/file, target: /etc/one, mode: overlay}
      - {source: "out-{{ distro.name }}", target: /rw, mode: rw}
    run: |
      cat /ro/file; ! touch /ro/x 2>/dev/null
      echo gone > /over/file; echo gone > /etc/one
      echo "from $FARM_DISTRO" > /rw/file
  user:
    user: nobody
    run: test "$(id -u)" != 0; ! touch /root/x 2>/dev/null
  numbers: {user: "1000:100", run: 'test "$(id -u):$(id -g)" = 1000:100; test "$HOME" = /'}
  folder: {working-directory: /usr/bin, run: 'test "$(pwd)" = /usr/bin; test "$PWD" = /usr/bin'}
  missing-folder: {working-directory: /no/such, run: "true"}
  hostname: {hostname: build.example, run: 'test "$(cat /proc/sys/kernel/hostname)" = build.example'}
  privileged: {privileged: true, run: mount -t tmpfs none /mnt}
  first: {init: none, run: 'test $$ = 1'}
  silent: {idle-timeout: 500ms, run: echo before; sleep 100}
  bug: {expect: fail, run: exit 3}
  fixed: {expect: fail, run: "true"}
  whatever: {expect: any, run: exit 3}
  skipped: {run: echo this machine has no GPU; exit 77}
  after:
    run: echo left > /left; exit 3
    debug: sed s/^/debugged-/ /left
    always: echo "$FARM_OUTCOME, always"
  secret:
    secrets: [TOKEN]
    run: test ${#TOKEN} = 18; echo "the token is $TOKEN"
  shards: {shards: 2, run: 'test $FARM_SHARD_TOTAL = 2; echo "part $FARM_SHARD_INDEX"'}
  artifacts:
    working-directory: /tmp
    run: |
      mkdir -p out; echo report > out/report.txt; ln -s /etc/shadow out/link
      echo '<testsuite><testcase classname="c" name="good"/>' > out/junit.xml
      echo '<testcase name="bad"><failure message="why"/></testcase></testsuite>' >> out/junit.xml
      exit 1
    artifacts: {paths: ["out/**"], when: on-failure, junit: "**/junit*.xml"}
"""

EXPECTED = {
    Outcome.PASSED: ("mounts", "user", "numbers", "folder", "hostname", "privileged", "first", "whatever", "secret"),
    Outcome.FAILED: ("after", "artifacts"),
    Outcome.ERROR: ("missing-folder",),
    Outcome.TIMEOUT: ("silent",),
    Outcome.XFAILED: ("bug",),
    Outcome.XPASSED: ("fixed",),
    Outcome.SKIPPED: ("skipped",),
}


@pytest.mark.slow_in_vm
def test_every_field(farm, rootfs_dir, monkeypatch):
    monkeypatch.setenv("TOKEN", TOKEN)
    archives = {name: sorted(rootfs_dir.glob(f"{name}-*.tar.*"))[-1] for name in IMAGES}
    (farm.folder / "data").mkdir()
    (farm.folder / "data" / "file").write_text("of the host\n")
    for name in IMAGES:
        (farm.folder / f"out-{name}").mkdir()
        os.chown(farm.folder / f"out-{name}", OWNER, OWNER)
    distros = ", ".join(f"{{name: {name}, rootfs: {path}}}" for name, path in archives.items())
    farm.write(JOBS, distros=distros)

    done = farm.run("run", "-v")
    assert done.returncode == 1, done.stdout + done.stderr
    record = farm.record()
    found = {each.job.id: each for each in record.jobs}
    wrong = {
        each.job.id: (each.outcome, each.reason)
        for outcome, tests in EXPECTED.items()
        for each in record.jobs
        if each.job.test in tests and each.outcome is not outcome
    }
    assert not wrong
    assert Counter(each.job.test for each in record.jobs) == {
        **{test: len(IMAGES) for tests in EXPECTED.values() for test in tests},
        "shards": 2 * len(IMAGES),
    }
    assert all(each.outcome is Outcome.PASSED for each in record.jobs if each.job.test == "shards")

    run_dir = farm.folder / "reports" / "latest"

    def log(job):
        return (run_dir / found[job].attempts[-1].log_path).read_text()

    for name in IMAGES:
        written = farm.folder / f"out-{name}" / "file"
        assert (written.read_text(), written.stat().st_uid) == (f"from {name}\n", OWNER)
        assert found[f"skipped/{name}"].reason == "this machine has no GPU"
        assert found[f"silent/{name}"].reason.startswith("printed nothing for its idle-timeout")
        assert "/no/such" in found[f"missing-folder/{name}"].reason
        assert log(f"silent/{name}") == "before\n"
        assert log(f"secret/{name}") == "the token is ***\n"
        assert log(f"after/{name}").splitlines()[1::2] == ["debugged-left", "failed, always"]
        (attempt,) = found[f"artifacts/{name}"].attempts
        assert [each.path for each in attempt.artifacts] == ["tmp/out/junit.xml", "tmp/out/report.txt"]
        assert (run_dir / attempt.artifacts_path / "tmp/out/report.txt").read_text() == "report\n"
        assert "symbolic links: /tmp/out/link" in log(f"artifacts/{name}")
    assert (farm.folder / "data" / "file").read_text() == "of the host\n"

    cases = [case for suite in junitparser.JUnitXml.fromfile(str(run_dir / "junit.xml")) for case in suite]
    nested = Counter(
        (case.name, bool(case.result))
        for case in cases
        if case.classname.startswith("artifacts/") and not case.name.startswith("artifacts/")
    )
    assert nested == {("good", False): len(IMAGES), ("bad", True): len(IMAGES)}
    assert "isolation opted out by 3 jobs, privileged" in done.stdout
    for path in (each for each in run_dir.rglob("*") if each.is_file()):
        assert TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in done.stdout + done.stderr
    for command in (("explain", "secret/alpine-3.20"), ("list",), ("logs", "secret/alpine-3.20")):
        said = farm.run(*command)
        assert TOKEN not in said.stdout + said.stderr
