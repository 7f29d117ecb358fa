"""``--keep failed`` and ``farm shell JOB``: a person in the container of a failed job while the matrix goes on."""

from __future__ import annotations

import os
import pty
import signal

import psutil
import pytest

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

STAYING = "sleep 4881"


class Terminal:
    """The other end of a terminal that ``farm`` runs on."""

    def __init__(self, farm, *arguments):
        ours, theirs = pty.openpty()
        self.screen = os.fdopen(ours, "r+b", buffering=0)
        self.shown = b""
        self.process = farm.start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
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


@pytest.fixture
def terminal(farm):
    made = []

    def start(*arguments):
        made.append(Terminal(farm, *arguments))
        return made[-1]

    yield start
    for each in made:
        each.screen.close()


@pytest.fixture
def going_on(farm, living):
    """A run in which one job has failed and another one goes on; ended after the test."""
    bad = "echo left > /tmp/left; sleep 4882 & until grep -q ^sleep /proc/$!/cmdline; do :; done; exit 3"
    matrix = farm.write(
        f"  bad: {{run: '{bad}', user: '7', working-directory: /tmp, env: {{WORD: seen}}}}\n"
        f"  long: {{run: 'exec {STAYING}', resources: {{memory: 16M}}}}\n  good: {{run: 'true'}}"
    )
    process = farm.start("run", matrix, "--keep", "failed", "-j", 4)
    assert farm.wait(lambda: len(living(STAYING)) == 1)
    (run,) = farm.runs()
    assert farm.wait(lambda: farm.outcomes(run.name)[Outcome.FAILED] == 1)
    yield process
    process.terminate()
    process.communicate(timeout=30 * farm.slowdown)


def test_a_shell_in_the_container_of_a_failed_job_beside_the_running_matrix(farm, living, going_on, terminal):
    (left,) = living("sleep 4882")  # what the command left running is frozen
    assert left.status() == psutil.STATUS_STOPPED
    shell = terminal(
        "shell", "bad/small", "--", "sh", "-c", "cat left; echo $WORD; id -u; pwd; echo more > new; exit 5"
    )
    shown = shell.read_until(None).replace("\r", "")
    assert shown.split("\n")[:4] == ["left", "seen", "7", "/tmp"]
    assert shell.process.wait(30) == 5
    # What it changed is there for the next one, which is one with a terminal that somebody types on.
    shell = terminal("shell", "bad/small")
    shell.screen.write(b"cat /tmp/new; tty; exit 6\n")
    assert "more" in shell.read_until(None)
    assert shell.process.wait(30) == 6
    # And the frozen process shows itself to who looks, and stays as it is.
    shell = terminal("shell", "bad/small", "--", "sh", "-c", "grep -h -e ^State -e ^Name /proc/[0-9]*/status")
    assert "Name:\tsleep\r\nState:\tT (stopped)" in shell.read_until(None)
    assert [each.status() for each in living("sleep 4882")] == [psutil.STATUS_STOPPED]
    assert len(living(STAYING)) == 1


def test_gc_lets_go_and_the_run_goes_on(farm, living, going_on, terminal):
    shell = terminal("shell", "bad/small", "--", "sh", "-c", "echo in; exec sleep 4883")
    shell.read_until(b"in")
    assert "would let go of the container of bad/small" in farm.run("gc", "--dry-run").stdout
    assert len(living("sleep 4883")) == 1
    assert "let go of the container of bad/small" in farm.run("gc").stdout
    assert "gone" in shell.read_until(None)
    assert farm.wait(lambda: living("sleep 4883") + living("sleep 4882") == [])
    assert len(living(STAYING)) == 1
    assert "let go" not in farm.run("gc").stdout
    shell = terminal("shell", "bad/small")
    assert "no such tarball or directory" in shell.read_until(None)


def test_a_shell_whose_terminal_goes_takes_nothing_else_along(farm, living, going_on, terminal):
    shell = terminal("shell", "bad/small", "--", "sh", "-c", "echo in; trap '' HUP; exec sleep 4884")
    shell.read_until(b"in")
    shell.process.kill()
    assert farm.wait(lambda: living("sleep 4884") == [])
    again = terminal("shell", "bad/small", "--", "cat", "/tmp/left")
    assert "left" in again.read_until(None)


def test_a_killed_run_leaves_no_way_in(farm, living, going_on, terminal):
    going_on.kill()
    assert farm.wait(lambda: living(STAYING) + living("sleep 4882") == [])
    shell = terminal("shell", "bad/small")
    assert "no such tarball or directory" in shell.read_until(None)
    assert os.listdir(farm.home / "kept") == []
    assert farm.run("gc").returncode == 0


def test_on_a_terminal_the_run_stays_until_it_is_told_to_go(farm, terminal):
    matrix = farm.write(
        "  bad: {run: '[ $FARM_ATTEMPT = 9 ]', retries: {max: 1}}\n  fine: {run: '[ $FARM_ATTEMPT = 2 ]', retries: {max: 1}}"
    )
    run = terminal("run", matrix, "--keep", "failed", "--ui", "plain")
    shown = run.read_until(b"until Ctrl-C or farm gc:\r\n    bad/small\r\n")
    assert "1 of 2 jobs bad" in shown  # the report is there before
    assert "fine/small" not in shown.split("until Ctrl-C")[1]
    shell = terminal("shell", "bad/small", "--", "sh", "-c", "echo attempt $FARM_ATTEMPT")
    assert "attempt 2" in shell.read_until(None)
    assert run.process.poll() is None
    assert farm.run("gc").returncode == 0
    assert run.process.wait(30) == 1


def test_a_command_that_hangs_is_held_as_it_hangs_and_ctrl_c_lets_go(farm, living, terminal):
    matrix = farm.write(
        "  hung: {run: 'echo before; exec sleep 4885', timeout: 300ms}\n"
        "  mute: {run: 'exec sleep 4886', idle-timeout: 300ms}"
    )
    run = terminal("run", matrix, "--keep", "failed", "--ui", "plain", "-j", 1)
    run.read_until(b"until Ctrl-C or farm gc:")
    assert farm.outcomes() == {Outcome.TIMEOUT: 2}  # the slot of the first was free for the second
    frozen = living("sleep 4885") + living("sleep 4886")
    assert [each.status() for each in frozen] == [psutil.STATUS_STOPPED] * 2
    (hung,) = (each for each in farm.record().jobs if each.job.test == "hung")
    assert (farm.folder / "reports" / "latest" / hung.attempts[-1].log_path).read_text() == "before\n"
    shell = terminal("shell", "hung/small", "--", "sh", "-c", "cat /proc/$(pidof sleep)/cmdline")
    assert "4885" in shell.read_until(None)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(30) == 1
    assert not any(each.is_running() for each in frozen)


def test_there_is_a_bound_and_what_is_good_is_not_kept(farm, living):
    numbers = ", ".join(map(str, range(30)))
    axis = f"strategy: {{matrix: {{n: [{numbers}]}}}}"
    matrix = farm.write(
        f"  unit: {{run: '[ {{{{ matrix.n }}}} -lt 5 ]', {axis}, resources: {{memory: 16M}}}}\n"
        f"  long: {{run: 'exec {STAYING}', needs: [{{job: unit, n: 0}}], priority: -1}}"
    )
    process = farm.start("run", matrix, "--keep", "failed", "-j", 4)
    assert farm.wait(lambda: len(living(STAYING)) == 1)
    (run,) = farm.runs()
    assert farm.wait(lambda: farm.outcomes(run.name)[Outcome.FAILED] == 25)
    assert farm.run("gc", "--dry-run").stdout.count("would let go of the container") == 20
    process.terminate()
    out, err = process.communicate(timeout=30 * farm.slowdown)
    assert process.returncode == 2, out + err
    assert os.listdir(farm.home / "kept") == []
