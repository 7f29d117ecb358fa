"""Which scripts need no shell."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.engine.direct import words


@pytest.mark.parametrize(
    "script", ["/bin/true", "/bin/echo a=b c:d,e", "/usr/bin/env\n", "  /bin/ls   -la /etc/  ", "/opt/x+y/run -O2 50%"]
)
def test_plain_commands_are_their_words(script):
    assert words(("sh", "-e", "-c", script), script) == tuple(shlex.split(script))


@pytest.mark.parametrize(
    "script",
    [
        "true", "", "\n", "/bin/true;", "/bin/true && x", "/bin/ls *", "/bin/echo $HOME", "/bin/echo 'a'", "/bin/echo ~",
        "/bin/true\n/bin/false", "A=b /bin/true", "/bin/a=b", "/bin/true # comment", "/bin/echo `x`", "/bin/echo a\\b",
        "/bin/true &", "/bin/cat <x", "! /bin/true", "/bin/echo {a,b}", "/bin/echo é", "/bin/echo\ta", "/bin/echo a?",
        "/bin/echo [a]", "/bin/echo \0",
    ],
)  # fmt: skip
def test_anything_a_shell_may_understand_is_left_to_it(script):
    assert words(("sh", "-e", "-c", script), script) == ()


@pytest.mark.parametrize("shell", [("sh", "-x"), ("bash", "-l"), ("bash", "-o", "pipefail"), ("python3",), ("zsh",)])
def test_shells_that_do_more_than_run_it_are_used(shell):
    assert words((*shell, "-c", "/bin/true"), "/bin/true") == ()


@given(st.text("/abcz019._:=,@%+- \n", max_size=30))
def test_a_shell_sees_the_same_words(tail):
    script = f"/bin/echo {tail}"
    found = words(("sh", "-c", script), script)
    if found:
        echoed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
        assert echoed == subprocess.run(found, capture_output=True, text=True, check=True).stdout
