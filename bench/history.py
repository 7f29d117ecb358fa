"""How fast the history of many runs answers, and how large it grows: whole commands, each in a process of its own.

    python -m bench --only history

The history is what the farm itself would have written: runs of the same jobs, of which one in fifty is flaky, a few broke at
some time, and all take about as long each time. Beside each command stands Python's own start and that of ``farm --version``,
for a command can be no faster.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from farm.journal import history
from farm.journal.history import Kind, Result

HEADER = ("what", "median ms", "least", "most", "cpu ms")
RUNS, JOBS = 100, 1000
_BEGUN = 1_767_323_045.0
_DAY_S = 86400.0
_FLAKY, _BROKEN = 50, 100


@dataclass(slots=True)
class Answer:
    """Seconds of each round, of the clock and of processors."""

    name: str
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


def measure(scratch: str, rounds: int, tell: Callable[[str], object]) -> tuple[list[Answer], float]:
    """Each command, and how many bytes a job of a run takes in the file."""
    reports = os.path.join(scratch, "reports")
    os.mkdir(reports)
    path = os.path.join(reports, history.FILE)
    tell(f"a history of {RUNS} runs of {JOBS} jobs")
    written = Answer("record a run (in a run's end)")
    for number in range(RUNS):
        _timed(written, lambda number=number: _record(path, number))
    read = Answer("read what a run begins with")
    for _ in range(rounds):
        _timed(read, lambda: history.read(path))
    farm = [sys.executable, "-m", "farm"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "farm --version": [*farm, "--version"],
        "farm history JOB": [*farm, "history", _job(0), "--reports", reports],
        "farm flaky": [*farm, "flaky", "--reports", reports],
        "farm diff RUN RUN": [*farm, "diff", _run(RUNS - 2), _run(RUNS - 1), "--reports", reports],
    }
    found = [Answer(name) for name in commands]
    for _ in range(rounds):
        for answer, command in zip(found, commands.values(), strict=True):
            _timed(answer, lambda command=command: subprocess.run(command, capture_output=True, check=False))
    return [written, read, *found], os.path.getsize(path) / (RUNS * JOBS)


def row(answer: Answer) -> tuple[str, ...]:
    """That of the table with ``HEADER``."""
    wall = answer.wall_s
    shown = (statistics.median(wall), min(wall), max(wall), statistics.median(answer.cpu_s))
    return answer.name, *(f"{1000 * each:.1f}" for each in shown)


def _timed(answer: Answer, call: Callable[[], object]) -> None:
    cpu_s, wall_s = _cpu_s(), time.perf_counter()
    call()
    answer.wall_s.append(time.perf_counter() - wall_s)
    answer.cpu_s.append(_cpu_s() - cpu_s)


def _cpu_s() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in usages)


def _record(path: str, number: int) -> None:
    dice = random.Random(number)
    results = []
    for job in range(JOBS):
        outcome = "passed"
        if job % _FLAKY == 0 and dice.random() < 0.3:
            outcome = dice.choice(("failed", "flaky"))
        elif job % _BROKEN == 1 and number >= job % RUNS:
            outcome = "failed"
        took_s = (1 + job % 40) * dice.uniform(0.9, 1.1)
        results.append(Result(_job(job), outcome, took_s, outcome == "failed", 2 if outcome == "flaky" else 1))
    history.record(path, _run(number), _BEGUN + number * _DAY_S, results, Kind("nightly", "bad", "", True))


def _job(number: int) -> str:
    return f"package-manager-{number // 8:03}/ubuntu-{12 + number % 8}.04[opt=O2]"


def _run(number: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ-3f2a", time.gmtime(_BEGUN + number * _DAY_S))
