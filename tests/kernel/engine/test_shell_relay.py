"""An interactive command on a terminal: what is typed, what is shown, and a terminal that is left as it was."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
import threading

import pytest

from farm.engine.shell import run_shell
from farm.errors import FarmError
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.distro import Facts, Image, Overlay
from farm.model.limits import Limits


@pytest.fixture
def shell(unpacked):
    """Run a script on a terminal; ``talk`` has the terminal's other end meanwhile, in a thread."""
    rootfs = unpacked("alpine-3.20")
    image = Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), read_facts(rootfs))

    def start(script, talk):
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 33, 77, 0, 0))
        before = termios.tcgetattr(theirs)
        said: list[bytes] = []
        thread = threading.Thread(target=lambda: said.append(talk(ours)))
        thread.start()
        try:
            code = asyncio.run(
                run_shell(
                    f"shell-{os.getpid()}", image, ("sh", "-c", script), (rootfs,), IdMap(0x70000000),
                    hostname="x", limits=Limits(), terminal_fd=theirs,
                )
            )  # fmt: skip
            assert termios.tcgetattr(theirs) == before
        finally:
            os.close(theirs)
            thread.join(30)
            os.close(ours)
        return code, said[0]

    return start


def everything(fd: int) -> bytes:
    text = b""
    while True:
        try:
            text += os.read(fd, 1 << 16)
        except OSError:  # EIO: the other end is closed
            return text


def wait_for_up(fd: int) -> bytes:
    text = b""
    while b"up" not in text:
        text += os.read(fd, 100)
    return text


def test_typed_lines_arrive_and_the_size_is_known(shell):
    def talk(fd):
        text = wait_for_up(fd)
        os.write(fd, b"first\nsecond\n")
        return text + everything(fd)

    code, text = shell('stty size; echo up; read a; read b; echo "<$a><$b>"; exit 7', talk)
    assert code == 7
    assert b"33 77\r\n" in text
    assert b"<first><second>\r\n" in text


def test_control_c_is_the_commands(shell):
    def talk(fd):
        wait_for_up(fd)
        os.write(fd, b"\x03")
        return everything(fd)

    code, text = shell("trap 'echo interrupted; exit 5' INT; echo up; while :; do sleep 0.1; done", talk)
    assert code == 5
    assert b"interrupted" in text


def test_more_is_typed_than_the_command_reads(shell):
    def talk(fd):
        wait_for_up(fd)
        line = b"x" * 60 + b"\n"
        for _ in range(2000):
            os.write(fd, line)
        return everything(fd)

    script = "stty -echo; echo up; sleep 1; n=0; while [ $n -lt 2000 ]; do read line; n=$((n + 1)); done; echo $n lines"
    code, text = shell(script, talk)
    assert code == 0
    assert b"2000 lines" in text


def test_what_is_printed_last_is_shown(shell):
    code, text = shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done", everything)
    assert code == 0
    assert text.endswith(b"line 2999\r\n")
    assert text.count(b"line") == 3000


def test_no_terminal_is_an_error():
    image = Image("0" * 64, "x", (), Facts())
    with open(os.devnull, "rb") as null:
        waiting = run_shell("x", image, ("sh",), (), None, hostname="x", limits=Limits(), terminal_fd=null.fileno())
        with pytest.raises(FarmError, match="needs a terminal"):
            asyncio.run(waiting)
