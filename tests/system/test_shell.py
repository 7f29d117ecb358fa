"""``farm shell`` on a terminal of its own."""

from __future__ import annotations

import os
import pty
import signal
import termios

import pytest

pytestmark = pytest.mark.root


class Terminal:
    """The other end of a terminal that ``farm shell`` runs on."""

    def __init__(self, farm, *arguments):
        ours, theirs = pty.openpty()
        self.screen = os.fdopen(ours, "r+b", buffering=0)
        self.shown = b""
        self.process = farm.start(
            "shell", *arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)

    def read_until(self, text):
        """Everything shown so far, once ``text`` is in it; all there is where ``text`` is None."""
        while text is None or text not in self.shown:
            try:
                self.shown += self.screen.read(1 << 16)
            except OSError:  # EIO: nobody has the other end open any more
                assert text is None, self.shown
                return self.shown.decode()
        return self.shown.decode()

    def end(self, farm):
        self.read_until(None)
        return self.process.wait(30 * farm.slowdown)


@pytest.fixture
def shell(farm):
    """Starts ``farm shell`` with arguments on a new ``Terminal``."""
    made = []

    def start(*arguments):
        made.append(Terminal(farm, *arguments))
        return made[-1]

    yield start
    for each in made:
        each.screen.close()


def test_the_exit_code_is_that_of_the_command(farm, shell):
    terminal = shell("host", "--", "sh", "-c", "tty; exit 7")
    assert "/dev/pts/0" in terminal.read_until(None)
    assert terminal.end(farm) == 7


def test_a_command_that_a_signal_ended_is_128_and_its_number(farm, shell):
    assert shell("host", "--", "sh", "-c", "kill -9 $$").end(farm) == 128 + signal.SIGKILL


def test_a_person_types_into_a_shell(farm, shell):
    terminal = shell("host")
    terminal.read_until(b"# ")  # what is typed before the terminal is the container's is thrown away
    terminal.screen.write(b"echo $((40 + 2)); cat /etc/hostname\n")
    terminal.read_until(b"42\r\nhost\r\n")
    terminal.screen.write(b"exit 3\n")
    assert terminal.end(farm) == 3


def test_ctrl_c_is_for_the_command_and_not_for_the_farm(farm, shell):
    terminal = shell(
        "host", "--", "sh", "-c", "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.1; done"
    )
    terminal.read_until(b"ready")
    terminal.screen.write(b"\x03")
    terminal.read_until(b"caught")
    assert terminal.end(farm) == 5


def test_its_quota_holds(farm, shell):
    terminal = shell("host", "--memory", "64M", "--", "dd", "bs=200M", "count=1", "if=/dev/zero", "of=/dev/null")
    assert terminal.end(farm) == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_container_and_leaves_nothing(farm, shell, living, number):
    terminal = shell("host", "--", "sh", "-c", "echo ready; exec sleep 4821")
    terminal.read_until(b"ready")
    terminal.process.send_signal(number)
    assert terminal.end(farm) == 128 + number
    assert living("sleep 4821") == []


@pytest.mark.rootfs
def test_a_tarball_and_a_name_of_the_matrix_are_distros(farm, shell, rootfs_dir):
    archive = max(rootfs_dir.glob("alpine-*.tar.gz"))
    terminal = shell(archive, "--", "cat", "/etc/alpine-release")
    assert "3." in terminal.read_until(None)
    assert terminal.end(farm) == 0
    farm.write('  unit: {run: "true"}', distros=f"{{name: mine, rootfs: {archive}}}")
    terminal = shell("mine", "--", "cat", "/etc/hostname")
    assert "mine" in terminal.read_until(None)
    assert terminal.end(farm) == 0


WRONG = {
    ("hots",): ["no distro is called 'hots'", "did you mean 'host'?"],
    ("./nothing.tar",): ["no such tarball or directory", "nothing.tar"],
    ("host", "--memory", "much"): ["not a size", "512M"],
    ("host", "-f", "nowhere.yaml"): ["nowhere.yaml", "no such file"],
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_arguments_are_four_and_a_clear_word(farm, shell, arguments):
    terminal = shell(*arguments)
    said = terminal.read_until(None)
    assert terminal.end(farm) == 4
    for each in WRONG[arguments]:
        assert each in said
    assert "Traceback" not in said


def test_without_a_terminal_it_says_so(farm):
    done = farm.run("shell", "host")
    assert done.returncode == 4
    assert "needs a terminal" in done.stderr
    assert "farm run" in done.stderr


def test_the_terminal_is_as_it_was(farm):
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = farm.start("shell", "host", "--", "true", stdin=theirs, stdout=theirs, stderr=theirs)
    assert process.wait(30 * farm.slowdown) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)
