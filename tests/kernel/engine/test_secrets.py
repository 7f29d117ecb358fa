"""B17: secrets are in the command's environment and nowhere else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psutil
import pytest

from farm.journal import schema
from farm.model.outcome import Outcome
from farm.model.rules import Artifacts
from tests.kernel.engine.live import launched, zygote

TOKEN = "s3cr3t-t0ken-of-the-test"


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.setenv("KEY", "first line of it\nsecond line of it\n")


@pytest.mark.parametrize("distro", ["alpine-3.20", "ubuntu-12.04", "centos-7"])
def test_B17_the_command_has_it_and_the_log_has_not(run, token, tmp_path, distro):
    attempt, log = run(
        """
        test "$TOKEN" = s3cr3t-t0ken-$(echo of-the-test)
        echo "token=$TOKEN."
        printf s3cr3t-t0; sleep 0.1; echo ken-of-the-test
        printf %s "$KEY"
        """,
        distro,
        secrets=("TOKEN", "KEY"),
        always="echo again $TOKEN",
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert log == b"token=***.\n***\n***\n[farm: always]\nagain ***\n"
    assert TOKEN not in schema.encode(attempt)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_B17_the_reason_of_a_skip_is_covered_too(run, token):
    attempt, _ = run("echo no access with $TOKEN; exit 77", secrets=("TOKEN",))
    assert (attempt.outcome, attempt.reason) == (Outcome.SKIPPED, "no access with ***")


def test_without_being_named_it_is_not_there(run, token):
    attempt, log = run("env")
    assert attempt.outcome is Outcome.PASSED
    assert TOKEN.encode() not in log


def test_a_secret_that_the_farm_does_not_have_is_an_error(run, monkeypatch):
    monkeypatch.delenv("MISSING", raising=False)
    attempt, _ = run("true", secrets=("MISSING",))
    assert attempt.outcome is Outcome.ERROR
    assert "the farm's environment has no MISSING" in attempt.reason


def test_B17_no_process_of_the_host_shows_it_but_the_command(unpacked):
    rootfs = unpacked("alpine-3.20")
    environment = (("PATH", "/usr/bin:/bin"), ("TOKEN", TOKEN))

    async def look():
        async with (
            zygote(rootfs) as client,
            launched(client, rootfs, "echo $TOKEN; sleep 100", environment=environment) as live,
        ):
            assert (await live.line()).strip().decode() == TOKEN
            return {process.name(): shown(process) for process in psutil.Process().children(recursive=True)}

    found = asyncio.run(look())
    assert {"farm-zygote", "farm-init"} <= set(found)
    assert not any(found[name] for name in ("farm-zygote", "farm-init")), json.dumps(found)


def shown(process):
    texts = [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    return any(TOKEN.encode() in text for text in texts)


def test_B17_names_of_files_and_notes_about_them_do_not_tell_it(run, token, tmp_path):
    attempt, log = run(
        """
        mkdir /out; echo fine > /out/fine; echo > /out/$TOKEN; ln -s / /out/link-$TOKEN
        echo "<testsuite><testcase name='got $TOKEN'><failure message='$TOKEN'/></testcase></testsuite>" > /out/junit.xml
        """,
        secrets=("TOKEN",),
        artifacts=Artifacts(("/out/**",), junit="**/junit.xml"),
    )
    assert [each.path for each in attempt.artifacts] == ["out/fine", "out/junit.xml"]
    assert b"symbolic links: /out/link-***\n" in log.replace(b"]", b"")
    assert b"a secret is in their names: /out/***\n" in log.replace(b"]", b"")
    assert TOKEN not in schema.encode(attempt)
    found = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert [path.name for path in found] == ["junit.xml"]  # the job's own file, as it is
    assert not any(TOKEN in path.name for path in tmp_path.rglob("*"))
