"""What whole runs show: the live screen in a real terminal against what docs/ui.md promises, and JSON against its tables."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farm.model.outcome import Outcome
from tests.system.conftest import _START, ROOT
from tests.system.tmux import Terminal, needs_tmux
from tests.unit.report.test_events import promised

pytestmark = pytest.mark.root

UNTIL_GO = "while [ ! -e /go/{0} ]; do sleep 0.05; done"
MOUNT = "mounts: [{source: go, target: /go}]"
JOBS = f"""
  a-build: {{run: 'echo compiling; {UNTIL_GO.format("end")}', {MOUNT}, priority: 9}}
  after: {{run: 'true', needs: [a-build]}}
  fails: {{run: 'for i in 1 2 3 4 5 6 7; do echo "bad line $i"; done; {UNTIL_GO.format("fail")}; exit 9', {MOUNT}, priority: 8}}
  one-by-one: {{run: '{UNTIL_GO.format("end")}', {MOUNT}, strategy: {{max-parallel: 1, matrix: {{n: [1, 2, 3]}}}}, priority: 7}}
  slow:
    run: 'echo "up on a line that is far longer than a narrow terminal is wide, so it has to be cut somewhere"; \
{UNTIL_GO.format("end")}'
    {MOUNT}
    strategy: {{matrix: {{an_axis_of_a_long_name: [a-value-1, a-value-2, a-value-3, a-value-4, a-value-5, a-value-6]}}}}
"""
ROW = re.compile(r" +\d+:\d\d +[\d.]+ [KM]iB  \S+/small\S*")


@pytest.fixture
def terminal(farm) -> Iterator[Callable[[int, int], Terminal]]:
    """A terminal of a size, in the folder of ``farm``."""
    opened: list[Terminal] = []
    (farm.folder / "go").mkdir()

    def make(columns: int, lines: int) -> Terminal:
        env = {"PYTHONPATH": str(ROOT), "FARM_HOME": str(farm.home)}
        opened.append(Terminal(farm.folder, columns, lines, env, farm.slowdown))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def go(farm, what: str) -> None:
    (farm.folder / "go" / what).touch()


def started(terminal: Terminal, farm, *more: object) -> None:
    matrix = farm.write(JOBS)
    (farm.folder / "farm").write_text(f'exec {shlex.join([sys.executable, "-c", _START])} "$@"\n')
    terminal.run("sh", "farm", "run", matrix.name, "-j", "8", *more)


def has(pattern: str) -> Callable[[list[str]], object]:
    return lambda lines: any(re.search(pattern, each) for each in lines)


def line_of(lines: list[str], pattern: str) -> int:
    return next(number for number, each in enumerate(lines) if re.search(pattern, each))


def line_of_last(lines: list[str], pattern: str) -> int:
    return max((number for number, each in enumerate(lines) if re.search(pattern, each)), default=-1)


@needs_tmux
@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 50)])
def test_the_screen_has_what_the_docs_promise(farm, terminal, columns, lines):
    there = terminal(columns, lines)
    started(there, farm)
    there.until(lambda shown: sum(bool(ROW.match(each)) for each in shown) == 8)
    go(farm, "fail")
    shown = there.until(
        lambda all_: has("1/12  1 bad")(all_) and sum(bool(re.search("slow/.* up on a", each)) for each in all_) == 6
    )
    assert all(len(each) < columns for each in shown)
    assert there.cursor()
    assert re.fullmatch(r"matrix: 12 jobs on .+, \d+ cpus?", shown[0])
    # The failure has scrolled above, with its last five lines.
    failure = line_of(shown, r"^\[ 1/12\] failed +\S+ s  fails/small: exit status 9$")
    assert shown[failure + 1 : failure + 6] == [f"    bad line {n}" for n in range(3, 8)]
    # Then the five parts of the screen, in order.
    head, used, waiting, *running = shown[failure + 6 :]
    bar = "━" * (29 if columns == 80 else 60)
    assert re.fullmatch(rf"{bar}  1/12  1 bad  0:\d\d, (a few seconds|about \d+ s) left", head)
    assert re.fullmatch(r"  8 of 8 running, quotas: 8 cpus, 4 of [\d.]+ GiB memory", used)
    assert waiting == "  3 waiting: 2 for max-parallel, 1 for needs"
    assert all(ROW.match(each) for each in running), running
    assert re.search(r"a-build/small +compiling$", running[0])
    long = [each for each in running if "slow/" in each]
    assert len(long) == 6
    assert [("…" in each) for each in long] == [True] * 6 if columns == 80 else [False] * 6
    assert all(("cut somewhere" in each) == (columns == 200) for each in long)
    go(farm, "end")
    shown = there.until(has("^report: |index.html$"))
    whole = there.shown(history=True)
    assert "  again: farm run matrix.yaml --job fails/small" in whole
    assert "1 of 12 jobs bad in" in "\n".join(whole)
    # Nothing of the screen is left, above or below.
    assert not [each for each in whole if "waiting" in each or "running" in each or ROW.match(each) or "━" in each]
    assert there.cursor()


@needs_tmux
def test_what_is_prepared_is_shown_with_how_far_it_is(farm, terminal):
    there = terminal(80, 24)
    (farm.folder / "home").mkdir()
    prepare = f"{{run: 'echo Installing things; {UNTIL_GO.format('end')}', {MOUNT}}}"
    matrix = farm.write(f"  unit: {{run: 'true', prepare: {prepare}}}")
    there.run("env", f"FARM_HOME={farm.folder}/home", sys.executable, "-c", _START, "run", matrix.name)
    shown = there.until(has(r"^ +0:\d\d  preparing small  Installing things$"))
    assert has(r"^  1 waiting: 1 for an image \(small\)$")(shown)
    assert all(len(each) < 80 for each in shown)
    go(farm, "end")
    shown = there.until(has("^1 job good in"))
    assert has(r"^prepared small in \d")(shown)
    assert not has("preparing")(shown)


@needs_tmux
def test_a_terminal_of_another_size_is_drawn_anew_without_rubbish_and_without_colour_when_asked(
    farm, terminal, monkeypatch
):
    monkeypatch.setenv("NO_COLOR", "1")
    there = terminal(200, 50)
    started(there, farm)
    there.until(has("slow/.*cut somewhere"))
    for columns, lines, bar in ((80, 24, 29), (50, 14, 0), (200, 50, 60)):
        there.resize(columns, lines)
        shown = there.until(
            lambda all_, bar=bar: has(f"^{'━' * bar}(  )?0/12")(all_) and not has("━" * (bar + 1))(all_)
        )
        assert all(len(each) < columns for each in shown)
        for once in ("0/12", "8 of 8 running", "waiting: 3 for|3 waiting|waiting:", "a-build/small"):
            assert sum(bool(re.search(once, each)) for each in shown) == 1, "\n".join(shown)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", there.coloured())
    there.type("C-c", enter=False)
    there.until(has("waiting for what runs"))
    there.type("C-c", enter=False)
    shown = there.until(has("index.html$"))
    assert not has("━|running|0/12")(shown)


@needs_tmux
def test_ctrl_z_and_fg_and_ctrl_c_twice_leave_the_terminal_clean(farm, terminal):
    there = terminal(80, 24)
    started(there, farm)
    there.until(has("8 of 8 running"))
    there.type("C-z", enter=False)
    there.until(has("Stopped"))
    there.type("clear; echo said; fg")
    shown = there.until(lambda all_: line_of_last(all_, "0/12") > line_of_last(all_, "^said$") >= 0)
    assert sum("0/12" in each for each in shown) == 1
    there.type("C-c", enter=False)
    there.until(
        lambda shown: (
            has("^interrupted: waiting for what runs; once more ends it$")(shown)
            and has("^  stopping: the run was interrupted$")(shown)
        )
    )
    there.type("C-c", enter=False)
    there.until(has("index.html$"))
    there.type("echo status $?; stty -a | grep -o ' echo '")
    shown = there.until(has("^ *echo *$"))
    assert has("^ending what runs$")(shown)
    assert has("^12 jobs in .*, interrupted$")(shown)
    assert not has(r"━|\^C|small\[|waiting:")(shown)
    assert there.cursor()
    assert farm.outcomes() == {Outcome.CANCELLED: 12}


def test_json_is_a_line_for_each_event_with_the_keys_that_the_docs_have(farm):
    matrix = farm.write(
        "  good: {run: 'true'}\n"
        "  bad: {run: 'echo no; exit 3', retries: 1}\n"
        "  skips: {run: 'true', if: \"distro.libc == 'none'\"}\n"
        "  prepared: {run: 'true', prepare: 'true'}"
    )
    done = farm.run("run", matrix, "-k", "nothing", "--ui", "json")
    assert (done.returncode, done.stdout) == (5, "")
    assert "no job was selected" in done.stderr
    done = farm.run("run", matrix, "--ui", "json")
    assert done.returncode == 1
    assert done.stderr == ""
    events = [json.loads(each) for each in done.stdout.splitlines()]
    keys = promised()
    for each in events:
        assert set(each) == keys["every"] | keys[each["event"]]
    first, *_, last = events
    assert (first["event"], first["total"], last["event"], last["exit_code"]) == ("begin", 4, "end", 1)
    finished = {each["test"]: each for each in events if each["event"] == "finished"}
    assert {test: each["outcome"] for test, each in finished.items()} == {
        "good": "passed",
        "bad": "failed",
        "skips": "skipped",
        "prepared": "passed",
    }
    attempt = finished["bad"]["attempt"]
    assert (attempt["number"], attempt["exit_code"], attempt["signal"]) == (2, 3, None)
    (folder,) = (each["path"] for each in events if each["event"] == "folder")
    assert (Path(folder) / attempt["log_path"]).read_text() == "no\n"
    assert [each["job"] for each in events if each["event"] == "retried"] == ["bad/small"]


def test_quiet_says_nothing_of_a_good_run(farm):
    matrix = farm.write("  unit: {run: 'true'}\n  flaky: {run: 'test $FARM_ATTEMPT = 2', retries: 1}")
    done = farm.run("run", matrix, "--ui", "quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
