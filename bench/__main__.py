"""``python -m bench``: the farm, on a plain and on a prepared image, beside crun, on one root filesystem, in turns.

    python -m bench [--jobs 1000] [--parallel 8] [--rounds 3] [--alive 300] [--rootfs TARBALL] [--json FILE]

It installs nothing. What it prints are ratios of one run on one machine; the seconds mean nothing elsewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass

from tabulate import tabulate

from bench import crun, farm
from farm.errors import FarmError

_ROOTFS = "alpine-3.20-amd64.tar.gz"


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of each round, crun's version (empty: not installed), and what many at once cost.

    ``prepared_s`` are rounds of the same jobs on a prepared image, made beforehand of the one that ``farm_s`` is about.
    """

    jobs: int
    farm_s: list[float]
    prepared_s: list[float]
    crun: str
    crun_s: list[float]
    alive: farm.Alive


def main() -> int:
    parser = argparse.ArgumentParser(description="the farm beside crun")
    parser.add_argument("--jobs", type=int, default=1000, help="containers in a round (default 1000)")
    parser.add_argument("--parallel", type=int, default=8, help="of xargs -P for crun (default 8)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turns (default 3)")
    parser.add_argument("--alive", type=int, default=300, help="containers alive at once (default 300)")
    parser.add_argument("--rootfs", default=_found(), help="tarball of an Alpine (default: from FARM_TEST_ROOTFS)")
    parser.add_argument("--json", help="write the figures to this file")
    given = parser.parse_args()
    if not given.rootfs:
        print(f"no {_ROOTFS}: name a tarball with --rootfs, or its folder in FARM_TEST_ROOTFS", file=sys.stderr)
        return 4
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as scratch:
        figures = _measure(given, scratch)
    _show(figures)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(asdict(figures), file, indent=2)
    return 0


def _measure(given: argparse.Namespace, scratch: str) -> Figures:
    setting = farm.Setting(scratch, os.path.abspath(given.rootfs), given.jobs)
    image = farm.imported(setting)
    farm_s: list[float] = []
    prepared_s: list[float] = []
    crun_s: list[float] = []
    peer = crun.found()
    if peer:
        crun.write_bundle(f"{scratch}/bundle", image)
    for round_number in range(given.rounds):
        print(f"round {round_number + 1} of {given.rounds}", file=sys.stderr)
        farm_s.append(farm.run_jobs(setting))
        prepared_s.append(farm.run_jobs(setting, is_prepared=True))
        if peer:
            crun_s.append(crun.run_jobs(f"{scratch}/bundle", given.jobs, given.parallel))
    print(f"{given.alive} alive at once", file=sys.stderr)
    return Figures(given.jobs, farm_s, prepared_s, peer, crun_s, farm.alive(setting, given.alive))


def _show(figures: Figures) -> None:
    rows = [
        _row("farm run", figures.farm_s, figures.jobs),
        _row("farm run on a prepared image", figures.prepared_s, figures.jobs),
    ]
    if figures.crun_s:
        rows.append(_row(f"xargs crun run ({figures.crun})", figures.crun_s, figures.jobs))
    print(tabulate(rows, ("whole lives", "median s", "least", "most", "a second"), disable_numparse=True))
    plain, prepared = statistics.median(figures.farm_s), statistics.median(figures.prepared_s)
    print(f"\nfarm run on a prepared image takes {prepared / plain:.2f} of the time of a plain one")
    if figures.crun_s:
        ours, theirs = statistics.median(figures.farm_s), statistics.median(figures.crun_s)
        print(f"farm run takes {ours / theirs:.2f} of the time of crun: {theirs / ours:.2f} times as fast")
    else:
        print("crun is not installed: nothing to compare with (Debian: apt-get install crun)")
    alive = figures.alive
    print(
        f"{alive.count} alive at once after {alive.started_s:.2f} s, {alive.mib_each:.2f} MiB each; "
        f"all gone {alive.ended_s:.2f} s after a second Ctrl-C"
    )


def _row(label: str, seconds: list[float], jobs: int) -> tuple[str, ...]:
    middle = statistics.median(seconds)
    return label, f"{middle:.2f}", f"{min(seconds):.2f}", f"{max(seconds):.2f}", f"{jobs / middle:.0f}"


def _found() -> str:
    folder = os.environ.get("FARM_TEST_ROOTFS") or os.path.join(os.path.dirname(os.path.abspath(__file__)), *_SHARED)
    path = os.path.join(folder, _ROOTFS)
    return path if os.path.exists(path) else ""


_SHARED = ("..", "..", "shared", "rootfs")

if __name__ == "__main__":
    try:
        sys.exit(main())
    except FarmError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
