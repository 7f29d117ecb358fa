"""2,000 short jobs with everything in them: they end, within the budget all the time, and the farm stays small."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from farm.kernel import proc
from farm.model.outcome import Outcome

pytestmark = [pytest.mark.root, pytest.mark.slow_in_vm, pytest.mark.timeout(300)]

SLOTS = 24
MEMORY_BYTES = 1 << 30
MATRIX = """
  build: {run: "true", priority: 9, strategy: {matrix: {n: [NUMBERS]}}, resources: {memory: 64M}}
  unit:
    needs: [build]
    run: "exit 0"
    resources: {memory: 96M, cpus: 0.5}
    strategy: {matrix: {n: [NUMBERS]}}
  flaky:
    run: '[ $FARM_ATTEMPT = 2 ] || exit 9'
    retries: {max: 1, exit-codes: [9]}
    strategy: {matrix: {n: [NUMBERS]}, max-parallel: 4}
    resources: {memory: 32M}
  parts: {run: "true", shards: 500, resources: {memory: 200M}}
  db: {run: "true", concurrency: {group: db}, strategy: {matrix: {n: [FEW]}}, resources: {memory: 16M}}
  last: {run: "false", needs: [flaky], strategy: {matrix: {n: [FEW]}}, resources: {memory: 16M}}
"""
EACH, FEW = 480, 30


class Sampler(threading.Thread):
    """Looks at the control groups of runs again and again: how many have processes, and what their memory limits add up to."""

    def __init__(self, reports: Path, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self._reports = reports
        self._process = process
        self._tops = [
            Path(each.mount_point)
            for each in proc.mounts()
            if (each.fstype == "cgroup" and "memory" in each.super_options) or each.fstype == "cgroup2"
        ]
        self.most_groups = self.most_bytes = self.most_rss = self.looks = 0

    def run(self) -> None:
        while self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
            try:
                self._look()
            except (OSError, psutil.Error):
                continue  # a group, or the farm, was gone in the middle of a look
            time.sleep(0.005)  # a sampler, not a wait

    def _look(self) -> None:
        self.most_rss = max(self.most_rss, self._process.memory_info().rss)
        names = [each.name for each in self._reports.iterdir() if each.is_dir()]
        limits = [
            limit
            for top in self._tops
            for name in names
            for group in (top / "farm" / name).glob("g*")
            if (limit := _limit(group))
        ]
        self.looks += bool(limits)
        self.most_groups = max(self.most_groups, len(limits))
        self.most_bytes = max(self.most_bytes, sum(limits))


def _limit(group: Path) -> int:
    """The memory limit of a group in which there is a process now, else 0."""
    try:
        if not (group / "cgroup.procs").read_text():
            return 0
        name = "memory.limit_in_bytes" if (group / "memory.limit_in_bytes").exists() else "memory.max"
        text = (group / name).read_text().strip()
        return int(text) if text.isdecimal() and int(text) < 1 << 50 else 0
    except OSError:
        return 0


def test_2000_jobs_of_every_kind_within_the_budget_and_150_mib(farm):
    numbers, few = (", ".join(map(str, range(count))) for count in (EACH, FEW))
    matrix = farm.write(MATRIX.replace("NUMBERS", numbers).replace("FEW", few))
    factor = MEMORY_BYTES / psutil.virtual_memory().available
    process = farm.start("run", matrix, "-q", "-j", SLOTS, "--overcommit-memory", f"{factor:.6f}")
    reports = farm.folder / "reports"
    assert farm.wait(reports.exists)
    sampler = Sampler(reports, psutil.Process(process.pid))
    sampler.start()
    out, err = process.communicate(timeout=250)
    sampler.join(10)
    assert process.returncode == 1, out + err

    jobs = farm.record().jobs
    found = Counter((each.job.test, each.outcome) for each in jobs)
    assert found == {
        ("build", Outcome.PASSED): EACH,
        ("unit", Outcome.PASSED): EACH,
        ("flaky", Outcome.FLAKY): EACH,
        ("parts", Outcome.PASSED): 500,
        ("db", Outcome.PASSED): FEW,
        ("last", Outcome.FAILED): FEW,
    }
    assert len(jobs) == 2000
    assert sampler.looks > 50
    # Some room for the measure: what available memory is differs a little from when the farm asked.
    assert 0 < sampler.most_bytes <= MEMORY_BYTES * 1.1
    assert 1 < sampler.most_groups <= SLOTS
    assert sampler.most_rss < 150 << 20, sampler.most_rss >> 20

    spans = {each.job.id: _span(each.attempts[-1]) for each in jobs}
    begun = {each.job.id: each.attempts[0].started_at for each in jobs}
    assert all(spans[need][1] <= begun[each.job.id] for each in jobs for need in each.job.needs)
    assert _most_at_once(_span(one) for each in jobs if each.job.test == "db" for one in each.attempts) == 1
    assert _most_at_once(_span(one) for each in jobs if each.job.test == "flaky" for one in each.attempts) <= 4


def _span(attempt):
    return attempt.started_at, attempt.started_at + attempt.setup_s + attempt.duration_s


def _most_at_once(spans):
    """How many of the spans overlap at most."""
    edges = sorted((at, by) for begin, end in spans for at, by in ((begin, 1), (end, -1)))
    most = now = 0
    for _, by in edges:
        now += by
        most = max(most, now)
    return most
