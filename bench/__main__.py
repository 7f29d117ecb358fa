"""``python -m bench``: the farm, on a plain and on a prepared image, beside crun; imports beside tar; matrices; history; pages.

    python -m bench [--jobs 1000] [--parallel 8] [--rounds 3] [--alive 300] [--rootfs TARBALL] [--json FILE]
                    [--archives FOLDER] [--unpack-rounds 5] [--expand-jobs 50000] [--only lives|unpack|expand|history|page]

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

from bench import crun, expand, farm, history, page, unpack
from farm.errors import FarmError

_ROOTFS = "alpine-3.20-amd64.tar.gz"
_PARTS = ("lives", "unpack", "expand", "history", "page")
_ANSWERS = 11
"""Rounds of the commands that ask the history."""


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
    parser = argparse.ArgumentParser(description="the farm beside crun and tar")
    parser.add_argument("--jobs", type=int, default=1000, help="containers in a round (default 1000)")
    parser.add_argument("--parallel", type=int, default=8, help="of xargs -P for crun (default 8)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turns (default 3)")
    parser.add_argument("--alive", type=int, default=300, help="containers alive at once (default 300)")
    parser.add_argument("--rootfs", default=_found(), help="tarball of an Alpine (default: from FARM_TEST_ROOTFS)")
    parser.add_argument("--archives", default=_folder(), help="folder of archives (default: FARM_TEST_ROOTFS)")
    parser.add_argument("--unpack-rounds", type=int, default=5, help="rounds of imports beside tar (default 5)")
    parser.add_argument("--only", choices=_PARTS, help="one of the measurements")
    parser.add_argument("--expand-jobs", type=int, default=50_000, help="jobs of a matrix (default 50000)")
    parser.add_argument("--json", help="write the figures to this file")
    given = parser.parse_args()
    if not given.rootfs and given.only in (None, "lives"):
        print(f"no {_ROOTFS}: name a tarball with --rootfs, or its folder in FARM_TEST_ROOTFS", file=sys.stderr)
        return 4
    archives = unpack.archives(given.archives) if given.only in (None, "unpack") else []
    if not archives and given.only == "unpack":
        print("no archives: name their folder with --archives, or in FARM_TEST_ROOTFS", file=sys.stderr)
        return 4
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as scratch:
        lives = _measure(given, scratch) if given.only in (None, "lives") else None
        wanted = given.only in (None, "unpack")
        unpacked = unpack.measure(archives, scratch, given.unpack_rounds, _tell) if wanted else []
        wanted = given.only in (None, "expand")
        expanded = expand.measure(given.expand_jobs, scratch, given.rounds, _tell) if wanted else []
        answers, each_bytes = (
            history.measure(scratch, _ANSWERS, _tell) if given.only in (None, "history") else ([], 0.0)
        )
        pages = page.measure(scratch, given.rounds, _tell) if given.only in (None, "page") else []
    if lives is not None:
        _show(lives)
    if unpacked:
        print("\n" + tabulate(map(unpack.row, unpacked), unpack.HEADER, disable_numparse=True))
    if expanded:
        print("\n" + tabulate(map(expand.row, expanded), expand.HEADER, disable_numparse=True))
    if answers:
        print("\n" + tabulate(map(history.row, answers), history.HEADER, disable_numparse=True))
        print(f"\n{history.RUNS} runs of {history.JOBS} jobs: {each_bytes:.1f} bytes for each job of a run")
    if pages:
        print("\n" + tabulate(map(page.row, pages), page.HEADER, disable_numparse=True))
    if given.json:
        measured = {"unpacked": unpacked, "expanded": expanded, "history": answers, "pages": pages}
        parts = {name: [asdict(each) for each in some] for name, some in measured.items()}
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump({**(asdict(lives) if lives else {}), **parts}, file, indent=2)
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
        _tell(f"round {round_number + 1} of {given.rounds}")
        farm_s.append(farm.run_jobs(setting))
        prepared_s.append(farm.run_jobs(setting, is_prepared=True))
        if peer:
            crun_s.append(crun.run_jobs(f"{scratch}/bundle", given.jobs, given.parallel))
    _tell(f"{given.alive} alive at once")
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


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _folder() -> str:
    return os.environ.get("FARM_TEST_ROOTFS") or os.path.join(os.path.dirname(os.path.abspath(__file__)), *_SHARED)


def _found() -> str:
    path = os.path.join(_folder(), _ROOTFS)
    return path if os.path.exists(path) else ""


_SHARED = ("..", "..", "shared", "rootfs")

if __name__ == "__main__":
    try:
        sys.exit(main())
    except FarmError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
