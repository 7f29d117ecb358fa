"""C15: what signals do to a run, from its first moment to its last."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import time

import psutil
import pytest

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

WAITING = "sleep 4801"
AXIS = "strategy: {matrix: {n: [1, 2, 3, 4, 5, 6]}}"


def reports_are_whole(farm):
    return all(
        (farm.folder / "reports/latest" / name).stat().st_size for name in ("index.html", "junit.xml", "results.json")
    )


def test_C15_first_sigint_drains_and_reports(farm):
    # It ends on its own as soon as it is told to, so that draining is waiting and not killing.
    drained = 'trap "exit 0" USR1; echo up; while :; do sleep 0.1; done'
    matrix = farm.write(f"  unit: {{run: '{drained}', {AXIS}}}")
    process = farm.start("run", matrix, "-j", "2")
    assert farm.wait(lambda: farm.logs_that_say("up") == 2)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert any("waiting for what runs" in line for line in process.stdout)
    for each in shells_in_containers(process.pid, drained):
        with contextlib.suppress(psutil.NoSuchProcess):  # it was a moment of a shell, before its sleep
            each.send_signal(signal.SIGUSR1)
    assert process.wait(30 * farm.slowdown) == 2
    assert farm.outcomes() == {Outcome.PASSED: 2, Outcome.CANCELLED: 4}
    assert farm.record().status == "interrupted"
    assert reports_are_whole(farm)


def test_C15_a_sigint_that_comes_when_all_is_done_changes_nothing(farm):
    matrix = farm.write(f"  unit: {{run: 'echo up; {WAITING}', {AXIS}}}")
    process = farm.start("run", matrix, "-j", "4")
    assert farm.wait(lambda: farm.logs_that_say("up") == 4)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    assert process.returncode == 2
    assert farm.outcomes() == {Outcome.CANCELLED: 6}
    assert reports_are_whole(farm)


def shells_in_containers(pid, script):
    found = []
    for each in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a sleep that has ended meanwhile
            found += [each] if each.cmdline()[-1:] == [script] else []
    return found


def test_C15_second_sigint_kills_and_reports(farm, living):
    matrix = farm.write(f"  unit: {{run: 'echo up; {WAITING}', {AXIS}}}")
    process = farm.start("run", matrix, "-j", "4")
    assert farm.wait(lambda: farm.logs_that_say("up") == 4)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert any("waiting for what runs" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    assert process.wait(30 * farm.slowdown) == 2
    assert farm.outcomes() == {Outcome.CANCELLED: 6}
    assert reports_are_whole(farm)
    assert living(WAITING) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_C15_sigterm_and_sighup_kill_and_report(farm, living, number):
    matrix = farm.write(f"  unit: {{run: 'echo up; {WAITING}', {AXIS}}}")
    process = farm.start("run", matrix, "-j", "4")
    assert farm.wait(lambda: farm.logs_that_say("up") == 4)
    process.send_signal(number)
    assert process.wait(30 * farm.slowdown) == 2
    assert farm.outcomes() == {Outcome.CANCELLED: 6}
    assert reports_are_whole(farm)
    assert living(WAITING) == []


def test_C15_nohup_is_obeyed(farm):
    matrix = farm.write('  unit: {run: "echo up; while [ ! -e /tmp/go ]; do sleep 0.05; done", timeout: 1500ms}')
    process = farm.start("run", matrix, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert farm.wait(lambda: farm.logs_that_say("up") == 1)
    process.send_signal(signal.SIGHUP)
    assert process.wait(30 * farm.slowdown) == 1
    assert farm.outcomes() == {Outcome.TIMEOUT: 1}


def test_C12_a_farm_that_was_stopped_judges_by_what_the_command_took(farm):
    """Ctrl-Z and fg: containers go on meanwhile, and the one that ended in time is no timeout; the one that did not is."""
    timeout_s = 2 * farm.slowdown
    matrix = farm.write(
        f"  quick: {{run: 'echo up; sleep 0.2', timeout: {timeout_s}}}\n"
        f"  slow: {{run: 'echo up; sleep {timeout_s + 0.5}', timeout: {timeout_s}}}"
    )
    process = farm.start("run", matrix)
    assert farm.wait(lambda: farm.logs_that_say("up") == 2)
    process.send_signal(signal.SIGSTOP)
    until_s = time.monotonic() + timeout_s + 2
    assert farm.wait(lambda: time.monotonic() > until_s)
    process.send_signal(signal.SIGCONT)
    assert process.wait(30 * farm.slowdown) == 1
    quick, slow = farm.record().jobs
    assert (quick.outcome, slow.outcome) == (Outcome.PASSED, Outcome.TIMEOUT)
    assert quick.attempts[0].duration_s < timeout_s < slow.attempts[0].duration_s < timeout_s + 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_C15_a_signal_during_the_import_of_an_image_ends_it(farm, number, tmp_path, long_archive):
    home = tmp_path / "fresh"
    matrix = farm.write('  unit: {run: "true"}', distros=f"{{name: long, rootfs: {long_archive}}}")
    process = farm.start("run", matrix, home=home)
    assert farm.wait(lambda: any((home / "staging").glob("*/rootfs/*")))
    process.send_signal(number)
    assert process.wait(30 * farm.slowdown) == 2
    assert farm.outcomes() == {Outcome.CANCELLED: 1}
    assert reports_are_whole(farm)
    assert list((home / "staging").glob("*")) == []


def test_C15_ctrl_c_on_a_terminal_finds_the_cursor_there_and_no_mode_of_ours(farm, living):
    matrix = farm.write(f"  unit: {{run: 'echo up; {WAITING}', {AXIS}}}")
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        process = farm.start("run", matrix, "-j", "4", stdout=theirs, stderr=theirs)
        os.close(theirs)
        assert farm.wait(lambda: farm.logs_that_say("up") == 4)
        process.send_signal(signal.SIGINT)
        shown = read_until(screen, b"waiting for what runs")
        process.send_signal(signal.SIGINT)
        shown += read_until(screen, None)
        assert process.wait(30 * farm.slowdown) == 2
    assert b"0/6" in shown
    assert b"\x1b[?" not in shown
    assert living(WAITING) == []


def read_until(screen, text):
    """What a terminal shows up to ``text``, or to its end."""
    shown = b""
    while text is None or text not in shown:
        try:
            data = screen.read(1 << 16)
        except OSError:  # EIO: nobody has the other end open any more
            break
        shown += data
    return shown


def test_C15_a_signal_before_anything_runs_is_one_line(farm):
    matrix = farm.write('  unit: {run: "true"}')
    process = farm.start("list", matrix)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30 * farm.slowdown)
    assert process.returncode in (0, 2, -signal.SIGINT)
    assert "farm/" not in err
