"""C14: what is said of a command that cannot be started."""

from __future__ import annotations

import errno

import pytest

from farm.model.outcome import Outcome
from tests.kernel.engine import machine_code


@pytest.fixture
def top(tmp_path):
    """A layer with commands that cannot be started, each for a reason of its own."""
    folder = tmp_path / "top"
    folder.mkdir()
    foreign = bytearray(machine_code.x86_64(39))
    foreign[18:20] = (243).to_bytes(2, "little")  # EM_RISCV
    files = {
        "not-executable": (b"#!/bin/sh\ntrue\n", 0o644),
        "foreign": (bytes(foreign), 0o755),
        "no-interpreter": (b"#!/no/such/interpreter\n", 0o755),
        "no-hash-bang": (b"echo hello\n", 0o755),
        "empty": (b"", 0o755),
    }
    for name, (content, mode) in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(mode)
    (folder / "directory").mkdir()
    return folder


@pytest.mark.parametrize(
    ("command", "number", "hint"),
    [
        ("/no/such/command", errno.ENOENT, "the image has no /no/such/command"),
        ("no-such-command", errno.ENOENT, "the image has no no-such-command"),
        ("/not-executable", errno.EACCES, "not executable"),
        ("/directory", errno.EACCES, "not executable"),
        ("/foreign", errno.ENOEXEC, "another processor"),
        ("/no-interpreter", errno.ENOENT, "the interpreter or loader it names is not"),
        ("/no-hash-bang", errno.ENOEXEC, "#!"),
        ("/empty", errno.ENOEXEC, "empty"),
    ],
)
def test_C14_shell_that_cannot_be_started_is_an_error_that_says_why(run, top, command, number, hint):
    attempt, log = run("true", top=top, argv=(command, "-c", "true"))
    assert attempt.outcome is Outcome.ERROR
    assert (attempt.failure.step, attempt.failure.errno) == ("exec", number)
    assert hint in attempt.failure.hint
    assert command in attempt.failure.message
    assert log == b""


@pytest.mark.parametrize(
    "fields", [{"argv": ("sh", "-c", "a\0b")}, {"env": (("A", "a\0b"),)}, {"env": (("A=B", "c"),)}, {"argv": ("s\0h",)}]
)
def test_C14_what_no_program_can_be_given_is_an_error(run, fields):
    attempt, _ = run("true", **fields)
    assert attempt.outcome is Outcome.ERROR
    assert (attempt.failure.step, attempt.failure.errno) == ("exec", errno.EINVAL)
    assert "environment" in attempt.failure.hint


def test_C14_arguments_longer_than_the_kernel_takes_are_an_error(run):
    attempt, _ = run("true", env=(("A", "x" * 200_000),))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.failure.errno == errno.E2BIG


def test_arguments_and_environment_are_bytes_to_the_farm(run):
    attempt, log = run(
        'printf %s "$A$1"', argv=("sh", "-c", 'printf %s "$A$1"', "sh", "\udcff"), env=(("A", "\udcfe\n"),)
    )
    assert (attempt.outcome, log) == (Outcome.PASSED, b"\xfe\n\xff")


@pytest.mark.parametrize(("command", "status"), [("/no/such/command", 127), ("/not-executable", 126)])
def test_C14_command_that_the_jobs_shell_cannot_start_is_the_jobs_failure(run, top, command, status):
    attempt, log = run(command, top=top)
    assert attempt.outcome is Outcome.FAILED
    assert attempt.reason == f"exit status {status}"
    assert command.encode() in log
