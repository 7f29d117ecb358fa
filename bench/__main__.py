"""``python -m bench``: the farm beside what one would use instead; also imports beside tar, matrices, the history, pages.

    python -m bench [--json FILE] [--svg FILE] [--format github]        the farm beside docker, podman, runc, ...
                    [--peers crun docker] [--rounds 3] [--lives 10] [--seconds 3] [--parallel 2 4 8]
                    [--jobs 1000 10000] [--alive 100 500 5000] [--patience 60] [--rootfs TARBALL]
    python -m bench --only unpack [--archives FOLDER] [--unpack-rounds 5]
    python -m bench --only expand [--expand-jobs 50000]
    python -m bench --only history
    python -m bench --only page

It installs nothing. What it prints are ratios of one run on one machine; the seconds mean nothing elsewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict

from tabulate import tabulate

from bench import corner, expand, history, lives, page, plot, tables, targets, unpack
from bench.figures import Lives
from bench.tools import PEERS
from farm.errors import FarmError

_ROOTFS = "alpine-3.20-amd64.tar.gz"
_SHARED = ("..", "..", "shared", "rootfs")
_ANSWERS = 11
"""Rounds of the commands that ask the history."""


def main() -> int:
    """The exit status: 0, 1 where something failed, 4 where what is to be measured is not there, 130 after Ctrl-C."""
    given = _parser().parse_args()
    if given.only != "lives":
        with tempfile.TemporaryDirectory(prefix="farm-bench-") as scratch:
            return _OTHERS[given.only](given, scratch)
    if not given.rootfs:
        print(f"no {_ROOTFS}: name a tarball with --rootfs, or its folder in FARM_TEST_ROOTFS", file=sys.stderr)
        return 4
    if os.geteuid() != 0:
        print("containers need root: run it with sudo", file=sys.stderr)
        return 4
    return corner.inside(lambda where: _lives(given, where))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="the farm beside what one would use instead")
    parser.add_argument("--only", choices=("lives", *_OTHERS), default="lives", help="what to measure (default lives)")
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--svg", help="write the plot of lives to this file")
    parser.add_argument("--format", default="simple", help="of lives' tables, as tabulate calls it (default simple)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turns (default 3)")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS, help="what to compare with (default all)")
    parser.add_argument("--lives", type=int, default=10, help="lives one after another in a round (default 10)")
    parser.add_argument("--seconds", type=float, default=3.0, help="about what many at once take a turn (default 3)")
    parser.add_argument("--parallel", type=int, nargs="+", default=[2, 4, 8], help="how many at a time to try")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000], help="of whole runs (default 1000)")
    parser.add_argument("--alive", type=int, nargs="*", default=[100, 500], help="alive at once (default 100 500)")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds a peer may take to start so many")
    parser.add_argument("--rootfs", default=_found(), help="tarball of an Alpine (default: from FARM_TEST_ROOTFS)")
    parser.add_argument("--archives", default=_folder(), help="folder of archives (default: FARM_TEST_ROOTFS)")
    parser.add_argument("--unpack-rounds", type=int, default=5, help="rounds of imports beside tar (default 5)")
    parser.add_argument("--expand-jobs", type=int, default=50_000, help="jobs of a matrix (default 50000)")
    return parser


def _lives(given: argparse.Namespace, where: corner.Corner) -> int:
    setting = lives.Setting(
        tarball=os.path.abspath(given.rootfs),
        peers=tuple(given.peers),
        jobs=given.jobs,
        rounds=given.rounds,
        lives=given.lives,
        seconds=given.seconds,
        parallel=given.parallel,
        alive=given.alive,
        patience_s=given.patience,
    )
    found, code = lives.nothing_yet(setting), 0
    try:
        lives.measure(found, setting, where, _tell)
    except FarmError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:  # what there is by now is worth seeing
        code = 130
    print(tables.tables(found, given.format), flush=True)
    if given.svg:
        _write(given.svg, plot.svg(plot.panels(found)))
    _write_json(given, _told(found))
    return code


def _told(found: Lives) -> dict[str, object]:
    """The figures and what they say of the targets."""
    return {**asdict(found), "targets": [asdict(each) for each in targets.targets(found)]}


def _unpack(given: argparse.Namespace, scratch: str) -> int:
    archives = unpack.archives(given.archives)
    if not archives:
        print("no archives: name their folder with --archives, or in FARM_TEST_ROOTFS", file=sys.stderr)
        return 4
    found = unpack.measure(archives, scratch, given.unpack_rounds, _tell)
    print(tabulate(map(unpack.row, found), unpack.HEADER, disable_numparse=True))
    _write_json(given, {"unpacked": [asdict(each) for each in found]})
    return 0


def _expand(given: argparse.Namespace, scratch: str) -> int:
    found = expand.measure(given.expand_jobs, scratch, given.rounds, _tell)
    print(tabulate(map(expand.row, found), expand.HEADER, disable_numparse=True))
    _write_json(given, {"expanded": [asdict(each) for each in found]})
    return 0


def _history(given: argparse.Namespace, scratch: str) -> int:
    found, each_bytes = history.measure(scratch, _ANSWERS, _tell)
    print(tabulate(map(history.row, found), history.HEADER, disable_numparse=True))
    print(f"\n{history.RUNS} runs of {history.JOBS} jobs: {each_bytes:.1f} bytes for each job of a run")
    _write_json(given, {"history": [asdict(each) for each in found]})
    return 0


def _page(given: argparse.Namespace, scratch: str) -> int:
    found = page.measure(scratch, given.rounds, _tell)
    print(tabulate(map(page.row, found), page.HEADER, disable_numparse=True))
    _write_json(given, {"pages": [asdict(each) for each in found]})
    return 0


_OTHERS: dict[str, Callable[[argparse.Namespace, str], int]] = {
    "unpack": _unpack,
    "expand": _expand,
    "history": _history,
    "page": _page,
}


def _write_json(given: argparse.Namespace, figures: dict[str, object]) -> None:
    if given.json:
        _write(given.json, json.dumps(figures, indent=2) + "\n")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _folder() -> str:
    return os.environ.get("FARM_TEST_ROOTFS") or os.path.join(os.path.dirname(os.path.abspath(__file__)), *_SHARED)


def _found() -> str:
    path = os.path.join(_folder(), _ROOTFS)
    return path if os.path.exists(path) else ""


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FarmError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
