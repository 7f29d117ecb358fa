"""What the farm is meant to reach, each as a number of one run beside a named one, and whether it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.figures import Lives, spread
from bench.starts import FIRST, HELP, PYTHON
from bench.tools import API, FARM, FLOOR

HEADER = ("target", "wanted", "measured", "met")
_CROWD, _FEW, _MANY = 5000, 1000, 10_000


@dataclass(frozen=True, slots=True)
class Target:
    """``found`` is None where it was not measured, and ``missing`` says what for."""

    name: str
    wanted: str
    found: float | None
    shown: str
    is_met: bool
    missing: str = ""


def targets(lives: Lives) -> list[Target]:
    """All of them."""
    return [
        _ratio(lives, "whole farm run beside crun", 2.0, _throughput(lives, "crun")),
        _ratio(lives, "whole farm run beside docker", 40.0, _throughput(lives, "docker")),
        _most(
            "one life through the API, of bubblewrap's", 1.0, _over(lives.latency_s, API, "bubblewrap"), "bubblewrap"
        ),
        _most("whole farm run over the floor", 1.5, _over(lives.a_second, FLOOR, FARM), "floor"),
        _most("one life through the API over the floor", 1.5, _over(lives.latency_s, API, FLOOR), "floor"),
        *_crowd(lives),
        *_long_run(lives),
        *_starts(lives),
    ]


def row(target: Target) -> tuple[str, ...]:
    """That of the table with ``HEADER``."""
    if target.found is None:
        return target.name, target.wanted, f"not measured: {target.missing}", ""
    return target.name, target.wanted, target.shown, "yes" if target.is_met else "no"


def _throughput(lives: Lives, peer: str) -> tuple[float | None, str]:
    return _over(lives.a_second, FARM, peer), peer


def _over(measured: Callable[[str], float | None], one: str, other: str) -> float | None:
    ours, theirs = measured(one), measured(other)
    return ours / theirs if ours is not None and theirs else None


def _ratio(lives: Lives, name: str, least: float, found: tuple[float | None, str]) -> Target:
    value, peer = found
    missing = lives.absent.get(peer, f"--peers {peer}")
    return _target(
        name, f"at least {least:g} times as many a second", value, "{:.2f} times", lambda it: it >= least, missing
    )


def _most(name: str, most: float, value: float | None, missing: str) -> Target:
    return _target(name, f"at most {most:g} times", value, "{:.2f} times", lambda it: it <= most, missing)


def _crowd(lives: Lives) -> list[Target]:
    found = lives.crowd(FARM, _CROWD)
    missing = f"--alive {_CROWD}"
    mib = found.mib_each if found else None
    slower = found.pulse_s / found.pulse_before_s if found and found.pulse_before_s else None
    return [
        _target(f"{_CROWD:,} alive at once", "under 1.3 MiB each", mib, "{:.2f} MiB", lambda it: it < 1.3, missing),
        _target(
            "a command of the host's among them",
            "at most twice as long",
            slower,
            "{:.2f} times",
            lambda it: it <= 2,
            missing,
        ),
    ]


def _long_run(lives: Lives) -> list[Target]:
    few, many = lives.runs_of(_FEW), lives.runs_of(_MANY)
    rate = most = after_s = None
    if many:
        most = max(run.most_bytes for run in many) / 1e6
        after_s = spread([run.after_s for run in many]).middle
    if few and many:
        rate = spread([_MANY / run.took_s for run in many]).middle / spread([_FEW / run.took_s for run in few]).middle
    missing = f"--jobs {_FEW} {_MANY}"
    return [
        _target(
            f"rate of {_MANY:,} jobs, of that of {_FEW:,}",
            "at least 0.9 times",
            rate,
            "{:.2f} times",
            lambda it: it >= 0.9,
            missing,
        ),
        _target("the orchestrator's memory then", "under 150 MB", most, "{:.0f} MB", lambda it: it < 150, missing),
        _target("from the last job's end to the reports", "under 5 s", after_s, "{:.1f} s", lambda it: it < 5, missing),
    ]


def _starts(lives: Lives) -> list[Target]:
    helped = 1000 * spread(lives.starts[HELP]).middle if lives.starts.get(HELP) else None
    first = 1000 * spread(lives.starts[FIRST]).middle if lives.starts.get(FIRST) else None
    python = 1000 * spread(lives.starts[PYTHON]).middle if lives.starts.get(PYTHON) else None
    beside = f" ({{:.1f}} times {PYTHON})"

    def shown(value: float | None) -> str:
        return "{:.0f} ms" + (beside.format(value / python) if value and python else "")

    return [
        _target(HELP, "under 150 ms", helped, shown(helped), lambda it: it < 150, "starts"),
        _target(FIRST, "under 400 ms", first, shown(first), lambda it: it < 400, "starts"),
    ]


def _target(
    name: str, wanted: str, found: float | None, shown: str, is_met: Callable[[float], bool], missing: str
) -> Target:
    if found is None:
        return Target(name, wanted, None, "", is_met=False, missing=missing)
    return Target(name, wanted, found, shown.format(found), is_met=is_met(found))
