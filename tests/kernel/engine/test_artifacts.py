"""Artifacts of real jobs: what is copied, when, and what never is (B06)."""

from __future__ import annotations

import os
import stat

import pytest

from farm.model.artifact import CaseOutcome
from farm.model.limits import Limits
from farm.model.mount import Mount, MountMode
from farm.model.outcome import Outcome
from farm.model.rules import Artifacts, Expect, When
from farm.report import cases

IMAGES = ["alpine-3.20", "ubuntu-12.04", "centos-7"]
MIB = 1 << 20
HERE = "artifacts/test@alpine-3.20/1"


def copied(attempt):
    return {each.path: each.size_bytes for each in attempt.artifacts}


@pytest.fixture
def leave(run, tmp_path):
    """Run a script with artifacts: its attempt, its log, and the folder of copies."""

    def go(script, *paths, distro="alpine-3.20", **fields):
        rules = {name: fields.pop(name) for name in ("when", "most_bytes", "junit") if name in fields}
        attempt, log = run(script, distro, artifacts=Artifacts(paths, **rules), **fields)
        assert attempt.artifacts_path == (HERE if attempt.artifacts else "")
        return attempt, log, tmp_path / HERE

    return go


@pytest.mark.parametrize("distro", IMAGES)
def test_patterns_on_real_images(leave, distro):
    attempt, log, folder = leave(
        """
        mkdir -p /out/a/b /tmp/x; echo one > /out/one.log; echo two > /out/a/two.log; echo three > /out/a/b/three.log
        echo no > /out/no.txt; echo tmp > /tmp/x/.hidden; printf '#!/bin/sh\\n' > /out/a/tool; chmod 4755 /out/a/tool
        """,
        "/out/**/*.log",
        "/tmp/x/*",
        "/out/a/t[aeiou]*",
        "/missing/**",
        "/etc/hostname",
        distro=distro,
    )
    assert (attempt.outcome, attempt.reason, log) == (Outcome.PASSED, "", b"")
    found = copied(attempt)
    assert found.pop("etc/hostname") > 5
    assert found == {"out/one.log": 4, "out/a/two.log": 4, "out/a/b/three.log": 6, "tmp/x/.hidden": 4, "out/a/tool": 10}
    assert (folder / "out/a/b/three.log").read_text() == "three\n"
    assert stat.S_IMODE((folder / "out/a/tool").stat().st_mode) == 0o755
    assert (folder / "out/one.log").stat().st_uid == 0


def test_a_folder_is_copied_with_all_that_is_in_it(leave):
    attempt, _, _ = leave("mkdir -p /out/a; touch /out/a/x /out/y", "/out")
    assert copied(attempt) == {"out/a/x": 0, "out/y": 0}


@pytest.mark.parametrize(
    ("script", "when", "there"),
    [
        ("touch /f", When.ALWAYS, True),
        ("touch /f; exit 1", When.ALWAYS, True),
        ("touch /f", When.ON_SUCCESS, True),
        ("touch /f; exit 1", When.ON_SUCCESS, False),
        ("touch /f", When.ON_FAILURE, False),
        ("touch /f; exit 1", When.ON_FAILURE, True),
        ("touch /f; exit 77", When.ON_FAILURE, False),
        ("touch /f; exit 77", When.ALWAYS, True),
    ],
)
def test_when(leave, script, when, there):
    attempt, _, folder = leave(script, "/f", when=when)
    assert copied(attempt) == ({"f": 0} if there else {})
    assert folder.exists() == there


def test_an_expected_failure_is_a_success(leave):
    attempt, _, _ = leave("touch /f; exit 1", "/f", when=When.ON_SUCCESS, expect=Expect.FAIL)
    assert (attempt.outcome, copied(attempt)) == (Outcome.XFAILED, {"f": 0})


def test_after_a_timeout_and_after_the_quota_of_memory(leave, slowdown):
    attempt, _, folder = leave("echo x > /f; sleep 100", "/f", timeout_s=0.4 * slowdown)
    assert (attempt.outcome, copied(attempt)) == (Outcome.TIMEOUT, {"f": 2})
    (folder / "f").unlink()
    attempt, _, _ = leave("echo y > /f; tail /dev/zero", "/f", limits=Limits(memory_bytes=32 * MIB))
    assert (attempt.outcome, copied(attempt)) == (Outcome.OOM, {"f": 2})


def test_always_runs_before(leave):
    attempt, log, _ = leave("true", "/f", always="echo made > /f")
    assert (copied(attempt), log) == ({"f": 5}, b"[farm: always]\n")


def test_from_a_disk_a_mount_and_every_overlay(leave, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "given").write_text("given")
    attempt, _, _ = leave(
        "echo x > /src/made; echo y > /f",
        "/src/*",
        "/f",
        limits=Limits(disk_bytes=64 * MIB),
        mounts=(Mount(str(tmp_path / "src"), "/src", MountMode.OVERLAY),),
    )
    assert copied(attempt) == {"src/given": 5, "src/made": 2, "f": 2}


def test_files_of_a_user_that_nobody_else_may_read(leave):
    attempt, _, folder = leave("umask 077; mkdir /tmp/d; echo x > /tmp/d/f", "/tmp/d", user="nobody")
    assert copied(attempt) == {"tmp/d/f": 2}
    assert (folder / "tmp/d/f").read_text() == "x\n"


def test_where_the_command_never_began_there_are_none(leave):
    attempt, _, _ = leave("", "/etc/hostname", argv=("/no/such",))
    assert (attempt.outcome, attempt.artifacts) == (Outcome.ERROR, ())


# What is never copied


def test_B06_no_link_leads_out(leave, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("of the host")
    attempt, log, folder = leave(
        f"""
        mkdir -p /out; cd /out
        ln -s {secret}/key absolute; ln -s ../../../../../../../../..{secret}/key up; ln -s /proc/1/root/etc/shadow proc
        ln -s {secret} folder; ln -s / top; ln -s loop loop; ln -s /proc/self/root magic
        ln -s {secret} /link; ln -s / /rootlink
        echo fine > fine
        """,
        "/out/**",
        "/out/folder/*",
        "/link/key",
        "/rootlink/out/fine",
        f"{secret}/key",
        "/../../../../../../../.." + f"{secret}/key",
    )
    assert copied(attempt) == {"out/fine": 5, "rootlink/out/fine": 5}
    assert b"of the host" not in b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert b"artifacts left out, symbolic links: /out/absolute" in log
    assert attempt.reason.endswith("artifacts left out, see the log")
    assert attempt.outcome is Outcome.PASSED


def test_B06_what_is_no_file_is_left_out_and_blocks_nobody(leave):
    attempt, log, _ = leave(
        "mkdir /out; mkfifo /out/fifo; nc -lU /out/socket & sleep 0.1; echo x > /out/f; true",
        "/out/*",
        "/dev/*",
        "/dev/zero",
    )
    assert copied(attempt) == {"out/f": 2}
    assert b"neither files nor folders: " in log


def test_B06_a_sparse_file_of_ten_gigabytes(leave):
    attempt, log, folder = leave("truncate -s 10G /big; echo x > /f", "/big", "/f")
    assert copied(attempt) == {"f": 2}
    assert b"artifacts left out, they would pass the max-size of 52428800 bytes: /big" in log
    attempt, log, folder = leave("truncate -s 10G /big; echo end >> /big", "/big", most_bytes=20 << 30)
    assert copied(attempt) == {"big": (10 << 30) + 4}
    assert (folder / "big").stat().st_blocks * 512 < MIB
    with (folder / "big").open("rb") as file:
        file.seek(10 << 30)
        assert file.read() == b"end\n"


def test_the_cap_is_that_of_all_together(leave):
    attempt, log, _ = leave(
        "mkdir /o; for i in 1 2 3 4 5; do head -c 1000 /dev/zero > /o/$i; done; echo x > /o/small",
        "/o",
        most_bytes=2500,
    )
    assert copied(attempt) == {"o/1": 1000, "o/2": 1000, "o/small": 2}
    assert b"pass the max-size of 2500 bytes: /o/3, /o/4, /o/5]\n" in log
    assert attempt.reason == "3 artifacts left out, see the log"


def test_B06_the_kernels_files_are_none(leave):
    attempt, log, _ = leave("true", "/proc/version", "/proc/sys/**", "/sys/kernel/**", "/proc/**")
    assert copied(attempt) == {}
    assert b"the kernel's own files" in log


def test_B06_what_the_container_may_not_read_is_not_read_for_it(leave, tmp_path):
    top = tmp_path / "src"
    (top / "private").mkdir(parents=True)
    (top / "private" / "file").write_text("open, in a closed folder")
    (top / "closed").write_text("closed")
    (top / "open").write_text("open")
    for path in (top / "private", top / "closed", top / "open", top / "private" / "file"):
        os.chown(path, 4321, 4321)
    (top / "private").chmod(0o700)
    (top / "closed").chmod(0o600)
    attempt, log, _ = leave(
        "ln -s /src/private /way; cat /src/closed /src/private/file 2>/dev/null || true",
        "/src/**",
        "/way/file",
        mounts=(Mount(str(top), "/src", MountMode.RW),),
    )
    assert copied(attempt) == {"src/open": 4}
    assert b"ermission denied: " in log or b"the container may not read them: " in log
    for name in (b"/src/closed", b"/src/private", b"/way"):
        assert name in log


def test_B06_depths_and_names(leave):
    attempt, log, _ = leave(
        """
        cd /; i=0; while [ $i -lt 150 ]; do mkdir d; cd d; i=$((i+1)); done; echo deep > f; cd /
        mkdir /n; cd /n; touch "$(printf 'new\\nline')" "$(printf 'bad\\377byte')" -- "--option" ". ." "$(printf %0255d 0)"
        """,
        "/d",
        "/n/**",
    )
    assert len(copied(attempt)) == 5
    assert b"more than 50 folders deep" in log
    assert "n/bad\udcffbyte" in copied(attempt)


def test_artifacts_that_the_host_cannot_keep_are_the_farms_error(run, tmp_path):
    (tmp_path / "artifacts").write_text("in the way")
    attempt, log = run("touch /f", artifacts=Artifacts(("/f",)))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.reason.startswith("copy artifacts: ")
    attempt, log = run("touch /f; exit 3", artifacts=Artifacts(("/f",)))
    assert attempt.outcome is Outcome.FAILED
    assert b"artifacts could not be copied" in log


# Test cases in them

JUNIT = """cat > /out/junit.xml <<'EOF'
<testsuites><testsuite name="s" tests="3">
<testcase classname="pkg.mod" name="good" time="0.5"/>
<testcase classname="pkg.mod" name="bad" time="0.25"><failure message="1 != 2">trace</failure></testcase>
<testsuite name="inner"><testcase classname="pkg" name="left"><skipped message="no network"/></testcase></testsuite>
</testsuite></testsuites>
EOF
"""


@pytest.mark.parametrize("distro", IMAGES)
def test_cases_are_read(leave, tmp_path, distro):
    attempt, _, _ = leave(f"mkdir /out\n{JUNIT}", "/out/**", distro=distro, junit="**/junit*.xml")
    assert attempt.cases_path == "logs/test@alpine-3.20/1.cases.json"
    found = cases.load(str(tmp_path), attempt.cases_path)
    assert [(each.classname, each.name, each.outcome) for each in found] == [
        ("pkg.mod", "good", CaseOutcome.PASSED),
        ("pkg.mod", "bad", CaseOutcome.FAILED),
        ("pkg", "left", CaseOutcome.SKIPPED),
    ]
    assert found[1].message == "1 != 2\ntrace"
    assert found[0].file == "out/junit.xml"


def test_B17_secrets_in_cases_are_covered(leave, tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "1 != 2")
    attempt, _, _ = leave(f"mkdir /out\n{JUNIT}", "/out/**", junit="**/junit*.xml", secrets=("TOKEN",))
    assert cases.load(str(tmp_path), attempt.cases_path)[1].message == "***\ntrace"


def test_D02_a_hostile_junit_file_is_told_and_does_no_harm(leave):
    attempt, log, _ = leave(
        """
        mkdir /out
        echo '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>' > /out/junit1.xml
        echo 'not xml' > /out/junit2.xml
        """,
        "/out/*",
        junit="**/junit*.xml",
    )
    assert attempt.outcome is Outcome.PASSED
    assert attempt.cases_path == ""
    assert b"[farm: /out/junit1.xml is not read as JUnit: it has a document type" in log
    assert b"[farm: /out/junit2.xml is not read as JUnit: it is no XML" in log
