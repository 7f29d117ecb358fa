"""Who a job's command is, where it begins, and what its machine is called."""

from __future__ import annotations

import pytest

from farm.model.outcome import Outcome
from farm.model.rules import Shard

IMAGES = ["alpine-3.20", "ubuntu-12.04", "centos-7"]
STATUS = "grep -E '^(Uid|Gid|CapEff|CapPrm|CapAmb):' /proc/self/status"
WHO = f"id -u; id -g; sed -n s/^Groups:.//p /proc/self/status; echo $HOME; {STATUS}"


def ids(log):
    return [line.strip() for line in log.decode().split("\n")[:4]]


@pytest.mark.parametrize("distro", IMAGES)
def test_nobody_has_all_its_ids_and_no_capability(run, distro):
    attempt, log = run(WHO, distro, user="nobody")
    assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)
    uid, gid, groups, home = ids(log)
    assert uid == {"centos-7": "99"}.get(distro, "65534")
    assert (gid, groups) == (uid, "")
    assert home == {"ubuntu-12.04": "/nonexistent"}.get(distro, "/")
    lines = dict(line.split(":\t") for line in log.decode().split("\n")[4:] if line)
    assert set(lines["Uid"].split()) == {uid}
    assert set(lines["Gid"].split()) == {gid}
    assert {lines["CapEff"], lines["CapPrm"], lines["CapAmb"]} == {"0" * 16}


@pytest.fixture
def builder(tmp_path):
    """A layer with a user of three groups, over any image."""
    top = tmp_path / "layer"
    (top / "etc").mkdir(parents=True)
    (top / "home" / "build").mkdir(parents=True)
    (top / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nbuild:x:1000:1001::/home/build:/bin/sh\n")
    (top / "etc" / "group").write_text("root:x:0:\nbuild:x:1001:\nwheel:x:10:build\ndocker:x:20:root,build\n")
    return top


@pytest.mark.parametrize("distro", IMAGES)
@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("build", ["1000", "1001", "10 20", "/home/build"]),
        ("1000", ["1000", "1001", "10 20", "/home/build"]),
        ("build:wheel", ["1000", "10", "", "/home/build"]),
        ("4242:4243", ["4242", "4243", "", "/"]),
        ("4242", ["4242", "0", "", "/"]),
        ("root", ["0", "0", "20", "/root"]),
        ("", ["0", "0", "", "/root"]),
    ],
)
def test_names_numbers_and_groups(run, builder, distro, user, expected):
    attempt, log = run(WHO, distro, top=builder, user=user)
    assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)
    assert ids(log) == expected


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("ghost", "the image has no user ghost"),
        ("0:ghosts", "no group ghosts"),
        ("70000", "no id 70000 in a container"),
    ],
)
def test_unknown_users_are_an_error_that_names_them(run, user, message):
    attempt, _ = run("true", user=user)
    assert attempt.outcome is Outcome.ERROR
    assert attempt.failure is not None
    assert attempt.failure.step == "user"
    assert message in attempt.reason


def test_a_user_cannot_do_what_root_can(run):
    attempt, log = run(
        "touch /root/x || true; touch /x || true; kill -0 1 || true; cat /proc/1/environ || true", user="nobody"
    )
    assert attempt.outcome is Outcome.PASSED
    assert log.count(b"ermission denied") + log.count(b"not permitted") == 4, log


def test_the_files_own_home_and_direct_commands(run):
    attempt, log = run("/bin/busybox id -u", user="nobody", env=(("HOME", "/tmp"),))
    assert (attempt.outcome, log) == (Outcome.PASSED, b"65534\n")
    attempt, log = run("echo $HOME", user="nobody", env=(("HOME", "/tmp"),))
    assert (attempt.outcome, log) == (Outcome.PASSED, b"/tmp\n")


def test_a_program_that_the_user_may_not_run_is_an_error(run, tmp_path):
    top = tmp_path / "layer"
    (top / "bin").mkdir(parents=True)
    (top / "bin" / "tool").write_text("#!/bin/sh\n")
    (top / "bin" / "tool").chmod(0o700)
    attempt, _ = run("", top=top, user="nobody", argv=("/bin/tool",))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.failure is not None
    assert (attempt.failure.step, attempt.failure.errno) == ("exec", 13)


@pytest.mark.parametrize("distro", IMAGES)
def test_working_directory(run, distro):
    attempt, log = run("pwd; env | grep ^PWD=", distro, working_directory="/usr/bin")
    assert (attempt.outcome, log) == (Outcome.PASSED, b"/usr/bin\nPWD=/usr/bin\n")


def test_working_directory_that_is_missing_is_an_error_and_is_not_made(run):
    attempt, _ = run("true", working_directory="/no/such")
    assert attempt.outcome is Outcome.ERROR
    assert attempt.reason.startswith("working-directory: ")
    assert attempt.reason.endswith("; the image has no /no/such")


def test_working_directory_that_is_a_file_is_an_error(run):
    attempt, _ = run("true", working_directory="/etc/passwd")
    assert attempt.outcome is Outcome.ERROR
    assert attempt.reason.endswith("chdir(/etc/passwd): ENOTDIR (Not a directory); that is no folder")


@pytest.mark.parametrize("distro", IMAGES)
def test_hostname(run, distro):
    attempt, log = run(
        "cat /proc/sys/kernel/hostname /etc/hostname; grep -c build.example /etc/hosts",
        distro,
        hostname="build.example",
    )
    assert (attempt.outcome, log) == (Outcome.PASSED, b"build.example\nbuild.example\n1\n")


def test_hostname_that_the_kernel_refuses(run):
    attempt, _ = run("true", hostname="x" * 65)
    assert attempt.outcome is Outcome.ERROR
    assert attempt.reason.startswith("set hostname: ")


def test_shards(run):
    attempt, log = run("echo $FARM_SHARD_INDEX of $FARM_SHARD_TOTAL", shard=Shard(1, 4))
    assert (attempt.outcome, log) == (Outcome.PASSED, b"1 of 4\n")
    attempt, log = run("env | grep -c SHARD || true")
    assert log == b"0\n"
