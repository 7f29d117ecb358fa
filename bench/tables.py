"""The tables of one measurement, as text: times as ratios to one peer, which the header names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tabulate import tabulate

from bench import targets
from bench.figures import Lives, Spread, spread
from bench.tools import PEERS

_BESIDE = ("crun", "runc", "bubblewrap", "systemd-nspawn", "podman", "docker")


def tables(lives: Lives, form: str = "simple") -> str:
    """All of them, with what was not there; ``form`` is one of tabulate's formats."""
    beside = reference(lives) or "a peer"
    parts = [
        f"{lives.host}; load average {' to '.join(f'{each:.2f}' for each in lives.load)}",
        _table(
            form,
            (f"one after another, {_lives(lives)}", "median ms", "quartiles", f"of {beside}"),
            _latency(lives, beside),
        ),
        _table(form, ("many at once", "-P", "a second", "quartiles", f"times {beside}"), _throughput(lives, beside)),
        _table(
            form,
            ("alive at once", "n", "up s", "gone s", "MiB each", f"of {beside}", "host's command"),
            _crowds(lives, beside),
        ),
        _table(
            form,
            ("whole farm run", "runs", "s", "a second", f"times {beside}", "first ms", "after s", "MB"),
            _runs(lives, beside),
        ),
        _table(form, targets.HEADER, [targets.row(each) for each in targets.targets(lives)]),
    ]
    return "\n\n".join(part for part in parts if part)


def reference(lives: Lives) -> str:
    """The peer that others are compared with: the first of a list that was measured, empty where none was."""
    return next((name for name in _BESIDE if lives.latency.get(name)), "")


def _table(form: str, header: Sequence[str], rows: list[tuple[str, ...]]) -> str:
    return tabulate(rows, header, tablefmt=form, disable_numparse=True) if rows else ""


def _lives(lives: Lives) -> str:
    counts = {len(each) for each in lives.latency.values()}
    return f"{max(counts, default=0)} lives"


def _latency(lives: Lives, beside: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, seconds in lives.latency.items():
        found = spread([1000 * each for each in seconds])
        rows.append(
            (_called(lives, name), f"{found.middle:.2f}", _quartiles(found), _times(lives.latency_s, name, beside))
        )
    return rows + [(name, why, "", "") for name, why in lives.absent.items()]


def _throughput(lives: Lives, beside: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, each in lives.throughput.items():
        if each.a_second:
            found = spread(each.a_second)
            parallel = str(each.parallel or "default")
            times = _times(lives.a_second, name, beside)
            rows.append((_called(lives, name), parallel, f"{found.middle:.1f}", _quartiles(found), times))
    return rows + [(name, "", why, "", "") for name, why in lives.absent.items() if name in PEERS]


def _crowds(lives: Lives, beside: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in lives.crowds:
        figures = ("", "", each.why_not, "", "")
        if not each.why_not:
            pulse = f"{1000 * each.pulse_s:.1f} ms, {1000 * each.pulse_before_s:.1f} before"
            other = lives.crowd(beside, each.count)
            times = f"{each.mib_each / other.mib_each:.2f}" if other is not None and other.mib_each > 0 else ""
            figures = (f"{each.up_s:.2f}", f"{each.down_s:.2f}", f"{each.mib_each:.2f}", times, pulse)
        rows.append((each.tool, f"{each.count:,}", *figures))
    return rows


def _runs(lives: Lives, beside: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for jobs in sorted({run.jobs for run in lives.runs}):
        runs = lives.runs_of(jobs)
        took = spread([run.took_s for run in runs]).middle
        first = spread([run.first_s for run in runs]).middle
        after = spread([run.after_s for run in runs]).middle
        most = max(run.most_bytes for run in runs) / 1e6
        count = str(len(runs))
        theirs = lives.a_second(beside)
        times = f"{jobs / took / theirs:.2f}" if theirs else ""
        shown = (f"{took:.2f}", f"{jobs / took:.0f}", times, f"{1000 * first:.0f}", f"{after:.2f}", f"{most:.0f}")
        rows.append((f"{jobs:,} jobs", count, *shown))
    return rows


def _called(lives: Lives, name: str) -> str:
    version = lives.versions.get(name)
    return f"{name} {version}" if version else name


def _quartiles(found: Spread) -> str:
    return f"{found.low:.2f} to {found.high:.2f}"


def _times(measured: Callable[[str], float | None], name: str, beside: str) -> str:
    ours, theirs = measured(name), measured(beside)
    return f"{ours / theirs:.2f}" if ours is not None and theirs else ""
