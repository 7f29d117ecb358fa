"""How long ``index.html`` takes to be written, and to be ready in a browser.

    python -m bench --only page

A run is made up of tests on nine distros, with a history and one job in twenty not passed, and the same all passed; each is
written in a process of its own and opened in Debian's Chromium. Ready means that what the address names is drawn and answers.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from farm.model.memory import Memory
from farm.model.outcome import Outcome
from farm.report import html
from tests.unit.report import chromium
from tests.unit.report.pages import rich

HEADER = ("page", "jobs", "write s", "peak MiB", "KiB", "ready ms", "list ms", "filter ms", "frame ms")
_JOBS = (10, 1000, 10_000)
_DISTROS = 9
_READY = """() => new Promise((done) => {
  const look = () => {
    if (document.documentElement.classList.contains("ready")) requestAnimationFrame(() => done(performance.now()));
    else setTimeout(look, 5);
  };
  look();
})"""
_SCROLLED = """() => new Promise((done) => {
  const took = [];
  let last = performance.now();
  const next = (now) => {
    took.push(now - last);
    last = now;
    if (took.length > 120) return done(took.slice(1).sort((one, other) => one - other)[Math.floor(took.length * 0.95) - 1]);
    scrollBy(0, innerHeight / 2);
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""
_TIMED = """to => new Promise((done) => {
  const began = performance.now();
  const drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  addEventListener("hashchange", drawn, { once: true });
  location.hash = to;
})"""


@dataclass(slots=True)
class Opened:
    """Seconds and MiB of the process that wrote it, its size, and milliseconds of each round in a browser.

    ``ready_ms`` is from the navigation's beginning to an overview that answers, the next two to a list of all jobs and to that
    filtered, ``frame_ms`` is what all but one in twenty pictures took at most, each half a screen further down the list.
    """

    name: str
    jobs: int
    write_s: float
    peak_mib: int
    size_bytes: int
    ready_ms: list[float] = field(default_factory=list)
    list_ms: list[float] = field(default_factory=list)
    filter_ms: list[float] = field(default_factory=list)
    frame_ms: list[float] = field(default_factory=list)


def measure(scratch: str, rounds: int, tell: Callable[[str], object]) -> list[Opened]:
    """Pages with failures and without; none where there is no Chromium."""
    path = chromium.path()
    if path is None or importlib.util.find_spec("playwright") is None:
        tell("no chromium, or no playwright to drive it: no page is opened")
        return []
    from playwright.sync_api import sync_playwright  # the other measurements go without it

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        for name in ("failures", "all good"):
            for jobs in _JOBS:
                tell(f"a page of {jobs} jobs, {name}")
                folder = os.path.join(scratch, f"page-{name.replace(' ', '-')}-{jobs}")
                os.makedirs(folder)
                command = (sys.executable, "-m", "bench.page", folder, name, str(jobs))
                said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
                made = Opened(name, **said)
                for _ in range(rounds):
                    page = browser.new_page()
                    page.goto(f"file://{folder}/index.html", wait_until="commit")
                    made.ready_ms.append(page.evaluate(_READY))
                    made.list_ms.append(page.evaluate(_TIMED, "view=jobs"))
                    made.frame_ms.append(page.evaluate(_SCROLLED))
                    made.filter_ms.append(page.evaluate(_TIMED, "view=jobs&q=check-0"))
                    page.close()
                found.append(made)
        browser.close()
    return found


def row(opened: Opened) -> tuple[str, ...]:
    """That of the table with ``HEADER``."""
    times = (statistics.median(each) for each in (opened.ready_ms, opened.list_ms, opened.filter_ms, opened.frame_ms))
    return (
        opened.name,
        f"{opened.jobs:,}",
        f"{opened.write_s:.2f}",
        str(opened.peak_mib),
        f"{opened.size_bytes / 1024:,.0f}",
        *(f"{each:.0f}" for each in times),
    )


def _write(folder: str, name: str, jobs: int) -> None:
    shown = rich(Path(folder), -(-jobs // _DISTROS), logged=False)
    record, memory, groups = shown.record, shown.memory, shown.groups
    if name == "all good":
        good = tuple(replace(each, outcome=Outcome.PASSED, reason="") for each in record.jobs)
        record, memory, groups = replace(record, jobs=good, status="good"), Memory(), ()
    path = os.path.join(folder, "index.html")
    began_s = time.perf_counter()
    with open(path, "wb") as file:
        file.writelines(html.render(record, folder, memory, groups))
    took_s = time.perf_counter() - began_s
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    told = {"jobs": len(record.jobs), "write_s": took_s, "peak_mib": peak_mib, "size_bytes": os.path.getsize(path)}
    print(json.dumps(told))


if __name__ == "__main__":
    _write(sys.argv[1], sys.argv[2], int(sys.argv[3]))
