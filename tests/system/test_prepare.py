"""Prepared images over whole runs: made once, found again, made anew when something of them changed, and failing once."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from farm.model.outcome import Outcome

pytestmark = [pytest.mark.root, pytest.mark.rootfs]

MARK = "cat /proc/sys/kernel/random/uuid >/marker"  # what two makings never agree in
WAITING = "sleep 4803"
FIVE = "strategy: {matrix: {n: [1, 2, 3, 4, 5]}}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A farm's folder without any image."""
    return tmp_path / "fresh"


def markers(farm) -> dict[str, str]:
    """What each job of the last run printed of its marker, by test."""
    found: dict[str, set[str]] = {}
    for each in farm.record().jobs:
        log = (farm.folder / "reports/latest" / each.attempts[-1].log_path).read_text()
        found.setdefault(each.job.test, set()).update(re.findall(r"[0-9a-f-]{36}", log))
    assert all(len(each) == 1 for each in found.values()), found
    return {test: each.pop() for test, each in found.items()}


def made(out: str) -> int:
    """How many images a run says it prepared."""
    return len(re.findall(r"^prepared \S.* in \d", out, re.MULTILINE))


def test_many_jobs_share_one_and_the_next_run_finds_it(farm, home):
    matrix = farm.write(
        f"  one: {{run: cat /marker, prepare: '{MARK}', {FIVE}}}\n"
        f"  two: {{run: cat /marker, prepare: '{MARK}', env: {{CFLAGS: -O2}}}}"
    )
    done = farm.run("run", matrix, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made(done.stdout) == 1
    first = markers(farm)
    assert first["one"] == first["two"]
    again = farm.run("run", matrix, home=home)
    assert again.returncode == 0
    assert made(again.stdout) == 0
    assert markers(farm) == first


@pytest.mark.parametrize(
    "changed",
    [
        "prepare: '{mark}; true'",
        "prepare: {{run: '{mark}', env: {{A: b}}}}",
        "prepare: {{run: '{mark}', mounts: [{{source: given, target: /given}}]}}",
    ],
    ids=["script", "variable", "mount"],
)
def test_what_changed_is_made_anew(farm, home, changed):
    (farm.folder / "given").write_text("1")
    before = farm.write(f"  unit: {{run: cat /marker, prepare: '{MARK}'}}")
    assert farm.run("run", before, home=home).returncode == 0
    first = markers(farm)["unit"]
    after = farm.write(f"  unit: {{run: cat /marker, {changed.format(mark=MARK)}}}")
    assert made(farm.run("run", after, home=home).stdout) == 1
    assert markers(farm)["unit"] != first


def test_the_content_of_a_mount_counts_and_not_its_name(farm, home):
    (farm.folder / "given").write_text("1")
    prepare = f"{{run: '{MARK}; cat /given >/kept', mounts: [{{source: given, target: /given}}]}}"
    matrix = farm.write(f"  unit: {{run: 'cat /marker; cat /kept', prepare: {prepare}}}")
    runs = []
    for text in ("1", "1", "2"):
        (farm.folder / "given").write_text(text)
        done = farm.run("run", matrix, home=home)
        assert done.returncode == 0, done.stdout
        runs.append((made(done.stdout), markers(farm)["unit"]))
    assert [each[0] for each in runs] == [1, 0, 1]
    assert runs[0][1] == runs[1][1] != runs[2][1]


def test_only_axes_that_the_script_names_make_images_of_their_own(farm, home):
    matrix = farm.write(
        "  unit:\n    run: test \"$(cat /cc)\" = {{ matrix.cc }}\n    prepare: 'echo {{ matrix.cc }} >/cc'\n"
        "    strategy: {matrix: {cc: [gcc, clang], opt: [O0, O2]}}"
    )
    done = farm.run("run", matrix, home=home)
    assert done.returncode == 0, done.stdout
    assert made(done.stdout) == 2
    assert farm.outcomes() == {Outcome.PASSED: 4}


def test_one_that_fails_is_shown_once_with_its_log_and_others_run(farm, home):
    matrix = farm.write(
        "  broken:\n    run: 'true'\n    prepare: 'echo no such pack$(echo age); exit 100'\n    " + FIVE + "\n"
        '  plain: {run: "true"}\n'
        f"  sound: {{run: cat /marker, prepare: '{MARK}'}}"
    )
    done = farm.run("run", matrix, home=home)
    assert done.returncode == 6, done.stdout
    assert farm.outcomes() == {Outcome.ERROR: 5, Outcome.PASSED: 2}
    assert done.stdout.count("no such package") == 1
    assert "network: host" not in done.stdout
    (log,) = (farm.folder / "reports/latest/prepare").iterdir()
    assert re.fullmatch(r"small-[0-9a-f]{8}\.log", log.name)
    assert "no such package" in log.read_text()
    (reason,) = {each.reason for each in farm.record().jobs if each.outcome is Outcome.ERROR}
    assert "100" in reason
    assert f"prepare/{log.name}" in reason
    ((kind, text),) = farm.record().notes
    assert kind == "build"
    assert "no such package" in text
    for name in ("index.html", "junit.xml", "results.json"):
        assert (farm.folder / "reports/latest" / name).read_text().count("no such package") == 1
    assert farm.run("run", matrix, "-k", "broken", home=home).returncode == 6


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (f"{{run: '{WAITING}', timeout: 500ms}}", "timeout"),
        ("{run: 'dd bs=200M count=1 if=/dev/zero of=/dev/null', resources: {memory: 64M}}", "memory"),
    ],
    ids=["timeout", "oom"],
)
def test_the_reason_names_what_ended_it(farm, home, living, prepare, why):
    matrix = farm.write(f"  unit: {{run: 'true', prepare: {prepare}}}")
    assert farm.run("run", matrix, home=home).returncode == 6
    (job,) = farm.record().jobs
    assert why in job.reason
    assert living(WAITING) == []
    assert list((home / "staging").glob("*")) == []


def test_others_start_while_it_goes_on(farm, home):
    """The prepare ends only because a job of the same run has run: its marker comes to it through a mount."""
    given = farm.folder / "given"
    given.mkdir()
    prepare = "{run: 'until [ -e /given/go ]; do sleep 0.05; done', mounts: [{source: given, target: /given}]}"
    matrix = farm.write(f'  waits: {{run: "true", prepare: {prepare}}}\n  other: {{run: "echo ran"}}')
    process = farm.start("run", matrix, home=home)
    assert farm.wait(lambda: farm.logs_that_say("ran") == 1)
    (given / "go").write_text("")
    process.communicate(timeout=60 * farm.slowdown)
    # Its mount changed while it was read, which may be refused; either way it did not hold up the other.
    assert farm.outcomes()[Outcome.PASSED] >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_C15_a_signal_while_it_goes_on_ends_it_and_leaves_nothing(farm, home, living, number):
    matrix = farm.write(f"  unit: {{run: 'true', prepare: '{WAITING}'}}")
    process = farm.start("run", matrix, home=home)
    assert farm.wait(lambda: len(living(WAITING)) == 1)
    process.send_signal(number)
    assert process.wait(30 * farm.slowdown) == 2
    assert farm.outcomes() == {Outcome.CANCELLED: 1}
    assert farm.record().notes == ()
    assert living(WAITING) == []
    assert list((home / "staging").glob("*")) == []


def test_an_interrupt_ends_it_also_where_jobs_still_run(farm, home, living):
    matrix = farm.write(f"  unit: {{run: 'true', prepare: '{WAITING}'}}\n  other: {{run: 'echo up; sleep 4804'}}")
    process = farm.start("run", matrix, home=home)
    assert farm.wait(lambda: len(living(WAITING)) == 1 and farm.logs_that_say("up") == 1)
    process.send_signal(signal.SIGINT)
    assert farm.wait(lambda: living(WAITING) == [])
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(30 * farm.slowdown) == 2
    assert farm.outcomes() == {Outcome.CANCELLED: 2}


def test_what_it_wrote_is_the_containers_roots(farm, home):
    run = 'for each in /marker /bin /etc/passwd; do test "$(stat -c %u:%g $each)" = 0:0; done; echo more >>/marker'
    matrix = farm.write(f"  unit: {{run: '{run}', prepare: '{MARK}', {FIVE}}}")
    done = farm.run("run", matrix, home=home)
    assert done.returncode == 0, done.stdout
    assert farm.outcomes() == {Outcome.PASSED: 5}


def test_it_has_the_network_only_where_it_is_asked_for(farm, home):
    run = "ls /sys/class/net >/nets"
    matrix = farm.write(
        f"  closed: {{run: 'test \"$(cat /nets)\" = lo', prepare: '{run}'}}\n"
        f"  open: {{run: cat /nets, prepare: {{run: '{run}', network: host}}}}"
    )
    done = farm.run("run", matrix, home=home)
    assert done.returncode == 0, done.stdout
    assert made(done.stdout) == 2


def test_an_image_without_a_package_manager_is_an_error_with_the_place(farm, home, rootfs_dir):
    busybox = next(rootfs_dir.glob("busybox-*.tar.gz"))
    matrix = farm.write(
        '  unit: {run: "true", prepare: "{{ distro.install }} make"}\n  other: {run: "true"}',
        distros=f"{{name: busybox, rootfs: {busybox}}}",
    )
    done = farm.run("run", matrix, home=home)
    assert done.returncode == 6, done.stdout
    assert farm.outcomes() == {Outcome.ERROR: 1, Outcome.PASSED: 1}
    (failed,) = (each for each in farm.record().jobs if each.outcome is Outcome.ERROR)
    assert "no package manager" in failed.reason
    assert "matrix.yaml:4:" in failed.reason


def test_one_image_serves_distros_of_one_digest(farm, home):
    rootfs = farm.distro.partition("rootfs: ")[2].rstrip("}")
    distros = f"{{name: a, rootfs: {rootfs}}}, {{name: b, rootfs: {rootfs}}}"
    matrix = farm.write(f"  unit: {{run: cat /marker, prepare: '{MARK}'}}", distros=distros)
    done = farm.run("run", matrix, home=home)
    assert done.returncode == 0, done.stdout
    assert made(done.stdout) == 1
    markers(farm)


def test_list_and_validate_need_no_image(farm, home):
    matrix = farm.write('  unit: {run: "true", prepare: "{{ distro.install }} make"}')
    for command in ("list", "validate"):
        assert farm.run(command, matrix, home=home).returncode == 0
    assert not (home / "store").exists()


def test_only_what_the_selected_jobs_need_is_prepared(farm, home):
    matrix = farm.write(
        f"  one: {{run: cat /marker, prepare: '{MARK}'}}\n"
        f"  two: {{run: cat /marker, prepare: '{MARK}; true'}}\n"
        "  plain: {run: 'true'}",
        distros=f"{farm.distro}, {{name: spare, rootfs: host}}",
    )
    done = farm.run("run", matrix, "-k", "plain", "-d", "small", home=home)
    assert (done.returncode, made(done.stdout), len(os.listdir(home / "store"))) == (0, 0, 1)
    done = farm.run("run", matrix, "-k", "one", "-d", "small", home=home)
    assert (done.returncode, made(done.stdout), len(os.listdir(home / "store"))) == (0, 1, 2)


def test_a_locked_run_prepares_from_the_locked_images(farm, home):
    matrix = farm.write(f"  one: {{run: cat /marker, prepare: '{MARK}'}}")
    assert farm.run("image", "lock", matrix, home=home).returncode == 0
    for count in (1, 0):
        done = farm.run("run", matrix, "--locked", home=home)
        assert (done.returncode, made(done.stdout)) == (0, count), done.stderr


def test_neither_rm_nor_gc_takes_a_prepared_image_or_the_one_below_from_a_run(farm, home):
    matrix = farm.write(
        f"  one: {{run: 'echo up; while ! test -e /never; do sleep 0.1; done', timeout: 100s, prepare: '{MARK}'}}"
    )
    running = farm.start("run", matrix, home=home)
    assert farm.wait(lambda: farm.logs_that_say("up"))
    there = sorted(os.listdir(home / "store"))
    assert len(there) == 2
    for each in there:
        done = farm.run("image", "rm", each, home=home)
        assert (done.returncode, "in use" in done.stderr) == (4, True)
    assert farm.run("gc", "--max-size", "1", "--older-than", "1ms", home=home).returncode == 0
    assert sorted(os.listdir(home / "store")) == there
    running.terminate()
    assert running.wait(30 * farm.slowdown) == 2
    done = farm.run("gc", "--max-size", "1", home=home)
    assert f", prepared: {MARK[:30]}" in done.stdout
    assert os.listdir(home / "store") == []
