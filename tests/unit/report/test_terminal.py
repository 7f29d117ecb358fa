"""What a person at a terminal reads, and that the terminal obeys nothing of it."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from farm.model.job import Job
from farm.model.memory import Change, JobMemory, Memory
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report.attribution import groups
from farm.report.closing import closing
from farm.report.findings import Group
from farm.report.terminal import PlainUi, QuietUi
from farm.schedule.standing import Why
from tests.unit.report.attributed import DISTROS, bad_if, run
from tests.unit.report.runs import hostile, info, mixed, one
from tests.unit.report.views import FakeView

EVIL = "\x1b]0;x\x07\x1b[2J\u202e\r\n\x9b31m"
HOSTILE = re.compile("[\x1b\x07\u202e\r\x9b]")


def told(make, record, run_dir):
    """What a UI of the kind writes to a pipe over a whole run."""
    stream = io.StringIO()
    ui = make(stream)
    ui.begin(len(record.jobs), record.info)
    for each in record.jobs:
        if each.outcome is not None:
            ui.started(each.job)
            ui.finished(each.job, each.outcome, each.reason, each.attempts[-1] if each.attempts else None)
    if make is PlainUi:
        ui.note("a note" + EVIL)
    ui.end(record, str(run_dir))
    return stream.getvalue()


def test_an_attempt_that_is_not_the_last_is_a_line_of_its_own_and_counts_as_no_job(tmp_path):
    record = one(tmp_path, Outcome.FLAKY, b"")
    (job,) = record.jobs
    stream = io.StringIO()
    ui = PlainUi(stream)
    ui.begin(1, record.info)
    ui.started(job.job)
    ui.retried(job.job, job.attempts[0])
    ui.started(job.job)
    ui.finished(job.job, Outcome.FLAKY, job.reason, job.attempts[1])
    _, retried, finished = stream.getvalue().splitlines()
    assert retried.startswith("[retry] failed")
    assert finished.startswith("[1/1] flaky")


@pytest.mark.parametrize("make", [PlainUi, QuietUi])
def test_D03_a_pipe_gets_no_control_character(tmp_path, make):
    assert not HOSTILE.search(told(make, hostile(EVIL), tmp_path))


def test_each_ended_job_has_a_line_with_its_reason(tmp_path):
    text = told(PlainUi, one(tmp_path, Outcome.ERROR, b""), tmp_path)
    line = next(each for each in text.splitlines() if each.startswith("[1/1]"))
    for each in ("error", "t/d.1", "mount overlay", "ENOSPC", "free some space below the store"):
        assert each in line


def test_a_job_that_never_ran_says_why(tmp_path):
    job = one(tmp_path, Outcome.ERROR, b"").jobs[0].job
    record = RunRecord(info(), (JobRecord(job, (), Outcome.ERROR, "image: gone"),), status="infrastructure")
    assert "[1/1] error              t/d.1: image: gone\n" in told(PlainUi, record, tmp_path)


def test_jobs_that_an_interrupted_run_never_started_are_counted_only(tmp_path):
    jobs = tuple(JobRecord(each.job, (), Outcome.CANCELLED, "interrupted") for each in mixed(tmp_path, 5).jobs)
    text = told(PlainUi, RunRecord(info(), jobs, status="interrupted"), tmp_path)
    assert "/45]" not in text
    assert "45 jobs, interrupted" in text


def test_failures_are_last_and_the_verdict_is_the_last_of_all(tmp_path):
    record = mixed(tmp_path, 20, bad=4)
    lines = closing(record, str(tmp_path)).splitlines()
    assert lines[0].startswith("distro")
    assert lines[-1] == f"report: {tmp_path}/index.html"
    assert re.fullmatch(r"\d+ of 180 jobs bad in 1m23s", lines[-2])
    first_error = next(number for number, line in enumerate(lines) if line.startswith("error "))
    assert not any(line.startswith(("failed ", "timeout ", "oom ")) for line in lines[first_error:])


def test_of_many_failures_one_of_each_kind_is_shown_with_its_log(tmp_path):
    (failed,) = one(tmp_path, Outcome.FAILED, b"it broke").jobs
    jobs = tuple(replace(failed, job=replace(failed.job, id=f"t/{number}")) for number in range(50))
    record = RunRecord(info(), jobs, duration_s=1.0, status="bad")
    kinds = (Group("a", "a", tuple(range(48))), Group("b", "b", (48, 49)))
    blocks = closing(record, str(tmp_path), groups=kinds).split("\n\n")[1:]
    long = [each.split()[1] for each in blocks if "again: " in each]
    assert long == [f"t/{number}:" for number in (*range(18), 48, 49)]
    assert blocks[20].splitlines() == [f"failed t/{number}: exit status 2" for number in range(18, 48)]


def test_the_last_words_say_what_changed_against_the_baseline(tmp_path):
    jobs = {f"t/{each.value}": each for each in (Outcome.FAILED, Outcome.TIMEOUT, Outcome.OOM, Outcome.PASSED)}
    records = [
        JobRecord(replace(one(tmp_path, outcome, b"").jobs[0].job, id=job_id), (), outcome, job_id)
        for job_id, outcome in jobs.items()
    ]
    record = RunRecord(info(), tuple(records), duration_s=1.0, status="bad")
    known = {
        "t/failed": JobMemory(change=Change.NEW, since="now"),
        "t/timeout": JobMemory(change=Change.STILL, since="r1"),
        "t/oom": JobMemory(since="now"),
        "t/passed": JobMemory(change=Change.FIXED),
    }
    lines = closing(record, str(tmp_path), Memory("r7", known)).splitlines()
    assert lines[-2] == "1 new, 1 fixed, 1 still failing, against r7"
    assert "failed t/failed (new): t/failed" in lines
    assert "timeout t/timeout (since r1): t/timeout" in lines
    assert "oom t/oom: t/oom" in lines
    assert "still failing" not in closing(record, str(tmp_path))


def test_the_last_words_name_opt_outs_and_missing_isolation(tmp_path):
    good = one(tmp_path, Outcome.PASSED, b"", no_new_privs=False, cap_add=("SYS_PTRACE",))
    record = RunRecord(info(user_namespace=False, warnings=("no pids quota",)), good.jobs, status="good")
    text = closing(record, str(tmp_path))
    assert "warning: no pids quota\n" in text
    assert "isolation opted out by 1 job, no-new-privs: false, cap-add: SYS_PTRACE: t/d.1\n" in text


def test_the_last_words_say_what_failures_have_in_common(tmp_path):
    def ends(job: Job) -> tuple[Outcome, str]:
        if DISTROS[job.distro].libc == "musl":
            return Outcome.FAILED, "undefined symbol " + "x" * 100
        return Outcome.FAILED if job.test == "u" and DISTROS[job.distro].arch == "i686" else Outcome.PASSED, "it broke"

    record = run(ends, tests=("t", "u"), axes={"opt": ("O0", "O1", "O2", "O3")})
    lines = closing(record, str(tmp_path), groups=groups(record, str(tmp_path))).splitlines()
    common = [line for line in lines if line.startswith("common: ")]
    assert common == [
        f"common: all 24 failures have libc = musl; 0 of 36 others do: undefined symbol {'x' * 42}…",
        "common: all 4 failures have arch = i686 (only ubuntu-14.04); 0 of 16 others do: it broke",
    ]
    assert lines.index(common[0]) > max(number for number, line in enumerate(lines) if line.startswith("failed "))


def test_of_one_failure_that_may_be_chance_the_last_words_say_nothing_more(tmp_path):
    record = run(bad_if(lambda job: DISTROS[job.distro].arch == "i686"))
    assert "common" not in closing(record, str(tmp_path), groups=groups(record, str(tmp_path)))


def test_a_quiet_run_speaks_of_failures_only(tmp_path):
    assert told(QuietUi, one(tmp_path, Outcome.PASSED, b""), tmp_path) == ""
    assert told(QuietUi, one(tmp_path, Outcome.FAILED, b"it broke\n"), tmp_path).startswith("failed t/d.1")


def test_a_reader_that_goes_away_costs_the_run_nothing(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.unit.report.runs import mixed\n"
        "from farm.report.terminal import PlainUi\n"
        "record = mixed(Path(sys.argv[1]), 300); ui = PlainUi(sys.stdout); ui.begin(1, record.info)\n"
        "for each in record.jobs: ui.finished(each.job, each.outcome, each.reason, None)\n"
        "ui.end(record, sys.argv[1]); sys.stderr.write('alive')\n"
    )
    pipe = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pipe:
        assert pipe.stdout
        assert pipe.stderr
        pipe.stdout.readline()
        pipe.stdout.close()
        assert pipe.stderr.read() == b"alive"
    assert pipe.returncode == 0


# While it goes on


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_minute_without_a_line_is_one_on_how_far_the_run_is(tmp_path):
    first, second, third = (each.job for each in mixed(tmp_path, 1).jobs[:3])
    stream, clock = io.StringIO(), Clock()
    ui = PlainUi(stream, clock)
    ui.begin(3, info())
    ui.watch(FakeView({first.id: 60.0, second.id: 180.0, third.id: None}, {Why.NEEDS: 1}))
    ui.started(first)
    ui.started(second)
    clock.now_s += 59.9
    ui.heartbeat()
    assert len(stream.getvalue().splitlines()) == 1
    clock.now_s += 0.1
    ui.heartbeat()
    ui.heartbeat()
    _, beat = stream.getvalue().splitlines()
    assert beat == f"[0/3] 2 running; 1 waiting: 1 for needs; longest {first.id} 1:00; about 2m00s left"
    ui.finished(first, Outcome.PASSED, "", None)
    clock.now_s += 59.9
    ui.heartbeat()
    assert len(stream.getvalue().splitlines()) == 3
    ui.finished(third, Outcome.SKIPPED, "", None)
    clock.now_s += 60
    ui.heartbeat()
    assert (
        stream.getvalue()
        .splitlines()[-1]
        .startswith(f"[2/3] 1 running; 1 waiting: 1 for needs; longest {second.id} 2:59")
    )


def test_the_heartbeat_comes_by_itself_and_ends_with_the_run(tmp_path):
    record = one(tmp_path, Outcome.PASSED, b"")
    beaten = asyncio.Event()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            if "1 running" in text:
                beaten.set()
            return super().write(text)

    async def go() -> str:
        stream = Stream()
        ui = PlainUi(stream, heartbeat_s=0.01)
        ui.begin(1, record.info)
        ui.watch(FakeView({}))
        ui.started(record.jobs[0].job)
        await asyncio.wait_for(beaten.wait(), 10)
        ui.end(record, str(tmp_path))
        ui.heartbeat()
        return stream.getvalue()

    assert asyncio.run(go()).splitlines()[-1] == f"report: {tmp_path}/index.html"


def test_what_takes_long_to_prepare_is_a_line_every_ten_seconds():
    stream, clock = io.StringIO(), Clock()
    ui = PlainUi(stream, clock)
    for second in range(25):
        ui.progress("preparing d", f"line {second}")
        clock.now_s += 1
    ui.progress("preparing d", "")
    for second in range(9):
        ui.progress("preparing d", f"again {second}\x1b[2J")
        clock.now_s += 1
    assert stream.getvalue() == "preparing d: line 10\npreparing d: line 20\n"


def test_a_quiet_run_says_nothing_while_it_goes_on(tmp_path):
    (job,) = (each.job for each in one(tmp_path, Outcome.PASSED, b"").jobs)
    stream = io.StringIO()
    ui = QuietUi(stream)
    ui.begin(1, info(warnings=("no pids quota",)))
    ui.watch(FakeView({}))
    ui.progress("preparing d", "line")
    ui.note("a note")
    ui.started(job)
    ui.finished(job, Outcome.FAILED, "exit status 1", None)
    assert stream.getvalue() == ""


def test_rich_is_for_the_live_screen_only():
    code = (
        "import sys; from farm.cli.run import ui\n"
        "for kind in ('plain', 'quiet', 'json', 'auto'): ui(kind)\n"
        "assert 'rich' not in sys.modules; ui('live'); assert 'rich' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
