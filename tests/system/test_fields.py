"""Every field of a job that a container has to make true, from a matrix file to the report, on real distributions."""

from __future__ import annotations

import json
import os
from collections import Counter

import junitparser
import pytest

from farm.model.outcome import Outcome

pytestmark = [pytest.mark.root, pytest.mark.rootfs]

IMAGES = (
    "alpine-3.10",
    "alpine-3.20",
    "busybox-musl",
    "centos-7",
    "opensuse-tumbleweed",
    "ubuntu-12.04",
    "ubuntu-14.04",
    "ubuntu-24.04",
)
OWNER = 1234
TOKEN = "t0ken-of-this-test"

JOBS = """
  env:
    summary: "what {{ distro.name }} is told"
    env-file: vars.env
    env: {OWN: "{{ env.FROM_FILE }}-own", LEVEL: job}
    run: |
      test "$OWN" = file-own; test "$LEVEL" = job; test "$KEPT" = "$FARM_DISTRO"; test "$CI" = true
      test "$(ls /sys/class/net)" = lo; grep -q 'NoNewPrivs:.1' /proc/self/status
  shell: {shell: sh -eu, run: 'case $- in *u*) ;; *) exit 1 ;; esac'}
  facts: {run: 'test "{{ distro.arch }}" = "$(uname -m)"'}
  musl: {if: distro.libc == 'musl', run: 'test "{{ distro.libc }}" = musl'}
  some: {distros: ["ubuntu-*"], tags: [few], run: grep -qi ubuntu /etc/os-release /etc/lsb-release}
  axes:
    strategy: {matrix: {n: [1, 2, 3], exclude: [{n: 3}], include: [{n: 9, expect: fail}]}}
    run: test {{ matrix.n }} != 9
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
    user: "{{ 'nobody' if distro.name != 'opensuse-tumbleweed' else 65534 }}"
    run: test "$(id -u)" != 0; ! touch /root/x 2>/dev/null
  numbers: {user: "1000:100", run: 'test "$(id -u):$(id -g)" = 1000:100; test "$HOME" = /'}
  folder: {working-directory: /usr/bin, run: 'test "$(pwd)" = /usr/bin; test "$PWD" = /usr/bin'}
  missing-folder: {working-directory: /no/such, run: "true"}
  hostname: {hostname: build.example, run: 'test "$(cat /proc/sys/kernel/hostname)" = build.example'}
  privileged: {privileged: true, run: mount -t tmpfs none /tmp}
  capable:
    cap-add: [SYS_TIME]
    no-new-privs: false
    run: grep -q 'CapEff:.00000000820405fb' /proc/self/status; grep -q 'NoNewPrivs:.0' /proc/self/status
  first: {init: none, run: 'test $$ = 1'}
  quotas:
    resources: {cpus: 0.5, memory: 32M, pids: 40, disk: 48M, io-weight: 50, swap: 1M}
    run: |
      set -- /sys/fs/cgroup
      cat $1/memory/memory.limit_in_bytes $1/memory.max 2>/dev/null | grep -qx 33554432
      cat $1/pids/pids.max $1/pids.max 2>/dev/null | grep -qx 40
      cat $1/cpu*/cpu.cfs_quota_us $1/cpu.max 2>/dev/null | grep -q '^50000'
      head -c 40000000 /dev/zero > /large; ! head -c 20000000 /dev/zero > /more 2>/dev/null
  starved: {resources: {memory: 16M}, run: tail /dev/zero}
  late: {timeout: 500ms, run: sleep 100}
  silent: {idle-timeout: 500ms, run: echo before; sleep 100}
  bug: {expect: fail, run: exit 3}
  fixed: {expect: fail, run: "true"}
  whatever: {expect: any, run: exit 3}
  skipped: {run: echo this machine has no GPU; exit 77}
  skipped-by-three: {skip-exit-code: 3, run: exit 3}
  again: {retries: 1, run: 'test "$FARM_ATTEMPT" = 2'}
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
  build: {run: 'echo "from $FARM_DISTRO" > /built', artifacts: /built}
  use:
    needs: build
    run: test "$(cat /farm/needs/build/built)" = "from $FARM_DISTRO"; ! touch /farm/needs/build/x 2>/dev/null
  unmet: {needs: after, run: "true"}
  prepared: {prepare: echo prepared > /marker, run: grep -q prepared /marker}
  isolated: {network: isolated, run: 'test "$(ls /sys/class/net | wc -l)" = 2; grep -q ^nameserver /etc/resolv.conf'}
  shared: {network: host, run: 'test "$(readlink /proc/self/ns/net)" = "$HOST_NETWORK"'}
  served:
    services:
      peer:
        distro: alpine-3.20
        run: exec nc -l -k -p 7777 -e cat
        healthcheck: {run: 'cat /proc/net/tcp* | grep -q ":1E61 .* 0A "', interval: 50ms, retries: 100}
    run: cat /proc/net/tcp* | grep -q ':1E61 .* 0A '; grep -q peer /etc/hosts
  one-at-a-time:
    concurrency: "board-{{ distro.name }}"
    strategy: {matrix: {n: [1, 2]}}
    mounts: [{source: "out-{{ distro.name }}", target: /rw, mode: rw}]
    run: mkdir /rw/board; sleep 0.05; rmdir /rw/board
  in-turn:
    strategy: {max-parallel: 1, matrix: {n: [1, 2]}}
    mounts: [{source: "out-{{ distro.name }}", target: /rw, mode: rw}]
    run: mkdir /rw/turn; sleep 0.01; rmdir /rw/turn
  fast: {strategy: {fail-fast: true, max-parallel: 1, matrix: {n: [1, 2]}}, run: exit 3}
  urgent: {priority: 100, resources: {cpus: 0.1, memory: 16M}, run: "true"}  # no other fits where it does not
env: {HOST_NETWORK: NETWORK}
defaults: {env: {LEVEL: defaults, KEPT: "{{ distro.name }}"}}
"""

EXPECTED = {
    Outcome.PASSED: (
        *("env", "shell", "facts", "mounts", "user", "numbers", "folder", "hostname", "privileged", "capable", "first"),
        *("quotas", "whatever", "secret", "build", "use", "prepared", "isolated", "shared", "served", "urgent"),
    ),
    Outcome.FAILED: ("after", "artifacts"),
    Outcome.ERROR: ("missing-folder",),
    Outcome.TIMEOUT: ("silent", "late"),
    Outcome.OOM: ("starved",),
    Outcome.FLAKY: ("again",),
    Outcome.XFAILED: ("bug",),
    Outcome.XPASSED: ("fixed",),
    Outcome.SKIPPED: ("skipped", "skipped-by-three", "unmet"),
}
"""How the jobs of a test end on every image."""

EXPECTED_OF_SOME = {
    "axes": {Outcome.PASSED: 2 * len(IMAGES), Outcome.XFAILED: len(IMAGES)},
    "musl": {Outcome.PASSED: 3, Outcome.SKIPPED: len(IMAGES) - 3},
    "some": {Outcome.PASSED: 3},
    "shards": {Outcome.PASSED: 2 * len(IMAGES)},
    "one-at-a-time": {Outcome.PASSED: 2 * len(IMAGES)},
    "in-turn": {Outcome.PASSED: 2 * len(IMAGES)},
    "fast": {Outcome.FAILED: 1, Outcome.CANCELLED: 2 * len(IMAGES) - 1},
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
    (farm.folder / "vars.env").write_text("FROM_FILE=file\nLEVEL=file\n")
    farm.write(JOBS.replace("NETWORK}", f'"{os.readlink("/proc/self/ns/net")}"}}'), distros=distros)

    done = farm.run("run", "-v", limit_s=180)
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
    counted = Counter((each.job.test, each.outcome) for each in record.jobs)
    assert counted == {
        **{(test, outcome): len(IMAGES) for outcome, tests in EXPECTED.items() for test in tests},
        **{(test, outcome): n for test, counts in EXPECTED_OF_SOME.items() for outcome, n in counts.items()},
    }

    run_dir = farm.folder / "reports" / "latest"

    def log(job):
        return (run_dir / found[job].attempts[-1].log_path).read_text()

    for name in IMAGES:
        written = farm.folder / f"out-{name}" / "file"
        assert (written.read_text(), written.stat().st_uid) == (f"from {name}\n", OWNER)
        assert found[f"skipped/{name}"].reason == "this machine has no GPU"
        assert found[f"env/{name}"].job.summary == f"what {name} is told"
        assert found[f"unmet/{name}"].reason.startswith(f"needs after/{name}")
        assert [each.outcome for each in found[f"again/{name}"].attempts] == [Outcome.FAILED, Outcome.PASSED]
        started = {
            each.job.test: each.attempts[0].started_at
            for each in record.jobs
            if each.job.distro == name and each.attempts
        }
        assert min(started, key=started.__getitem__) == "urgent"
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
    assert f"isolation opted out by {len(IMAGES)} jobs, privileged" in done.stdout
    few = json.loads(farm.run("list", "-t", "few", "--json").stdout)
    assert {each["id"] for each in few} == {f"some/{name}" for name in IMAGES if name.startswith("ubuntu")}
    for path in (each for each in run_dir.rglob("*") if each.is_file()):
        assert TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in done.stdout + done.stderr
    for command in (("explain", "secret/alpine-3.20"), ("list",), ("logs", "secret/alpine-3.20")):
        said = farm.run(*command)
        assert TOKEN not in said.stdout + said.stderr
