"""How long a matrix of many jobs takes to be read and expanded, and what its jobs keep: each in a process of its own.

    python -m bench --only expand

``distinct`` has another script and another variable for each job, ``shared`` the same for all; ``needs`` has half of its jobs
need the other half; ``shards`` divides each cell; ``late`` names facts of an image.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

HEADER = ("matrix", "jobs", "load s", "expand s", "jobs a second", "bytes a job")
_HEAD = "version: 1\ndistros: [host, debian-11, debian-12, debian-13]\nenv: {LANG: C.UTF-8}\n"
_AXES = "strategy: {{matrix: {{a: [{a}], b: [{b}]}}}}"
_JOBS = {
    "shared": '  unit: {{run: "make check", ' + _AXES + "}}\n",
    "distinct": (
        '  unit: {{run: "make A={{{{ matrix.a }}}} B={{{{ matrix.b }}}} {{{{ distro.name }}}}",'
        ' env: {{X: "{{{{ matrix.a }}}}-{{{{ matrix.b }}}}"}}, ' + _AXES + "}}\n"
    ),
    "needs": (
        "  build: {{run: make, " + _AXES.replace("{a}", "{half}") + "}}\n"
        "  unit: {{run: make check, needs: [build], " + _AXES.replace("{a}", "{half}") + "}}\n"
    ),
    "shards": '  unit: {{run: "make A={{{{ matrix.a }}}}", shards: 2, ' + _AXES.replace("{a}", "{half}") + "}}\n",
    "late": "  unit: {{run: \"{{{{ distro.install }}}} {{{{ matrix.a }}}}\", if: distro.libc == 'glibc', "
    + _AXES
    + "}}\n",
}
_DISTROS, _B = 4, 125


@dataclass(slots=True)
class Expansion:
    """Seconds of each round, and how much the process grew by the jobs."""

    name: str
    jobs: int
    load_s: list[float] = field(default_factory=list)
    expand_s: list[float] = field(default_factory=list)
    grown_bytes: list[int] = field(default_factory=list)


def measure(jobs: int, scratch: str, rounds: int, tell: Callable[[str], object]) -> list[Expansion]:
    """Each kind of matrix, with about ``jobs`` jobs; and a tenth of that, to see what a job costs."""
    found = []
    for count in (jobs // 10, jobs):
        for name in _JOBS:
            tell(f"{count} jobs, {name}")
            path = os.path.join(scratch, f"{name}.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(_text(name, count))
            made = Expansion(name, 0)
            for _ in range(rounds):
                done = subprocess.run([sys.executable, "-m", "bench.expand", path], capture_output=True, check=True)
                said = json.loads(done.stdout)
                made.jobs = said["jobs"]
                made.load_s.append(said["load_s"])
                made.expand_s.append(said["expand_s"])
                made.grown_bytes.append(said["grown_bytes"])
            found.append(made)
    return found


def row(expansion: Expansion) -> tuple[str, ...]:
    """That of the table with ``HEADER``."""
    took = statistics.median(expansion.expand_s)
    each = statistics.median(expansion.grown_bytes) / expansion.jobs
    load = statistics.median(expansion.load_s)
    return (
        expansion.name,
        f"{expansion.jobs:,}",
        f"{load:.3f}",
        f"{took:.2f}",
        f"{expansion.jobs / took:,.0f}",
        f"{each:,.0f}",
    )


def _text(name: str, jobs: int) -> str:
    most = max(2, jobs // (_DISTROS * _B))
    values, half, b = (",".join(map(str, range(count))) for count in (most, most // 2, _B))
    return f"{_HEAD}jobs:\n" + _JOBS[name].format(a=values, half=half, b=b)


def _main(path: str) -> None:
    from farm.matrix.expand import expand  # not for the process that only starts this one
    from farm.matrix.load import load

    started_s = time.perf_counter()
    matrix = load(path)
    loaded_s = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    jobs = expand(matrix)
    ended_s = time.perf_counter()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    told = {"jobs": len(jobs), "load_s": loaded_s - started_s, "expand_s": ended_s - loaded_s, "grown_bytes": grown}
    print(json.dumps(told))


if __name__ == "__main__":
    _main(sys.argv[1])
