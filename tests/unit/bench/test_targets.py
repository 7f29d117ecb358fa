"""Which targets are met."""

from __future__ import annotations

import pytest

from bench.figures import Crowd, Lives, Run, Throughput
from bench.targets import Target, row, targets
from bench.tools import API, FARM, FLOOR


def _lives() -> Lives:
    """Where every target is met, by little."""
    rates = {FARM: 210.0, "crun": 100.0, "docker": 5.0, FLOOR: 300.0}
    return Lives(
        1000,
        "host",
        throughput={name: Throughput(2, {2: rate}, [rate]) for name, rate in rates.items()},
        latency={API: [0.0058], "bubblewrap": [0.006], FLOOR: [0.004]},
        crowds=[Crowd(FARM, 5000, mib_each=1.2, pulse_before_s=0.001, pulse_s=0.0019)],
        runs=[Run(1000, 5.0, 0.39, 1.0, 90 * 10**6), Run(10_000, 54.0, 0.39, 4.9, 149 * 10**6)],
        starts={"farm --help": [0.149], "python -c pass": [0.03], "farm run to its first container": [0.39]},
    )


def _found(lives: Lives, name: str) -> Target:
    return next(each for each in targets(lives) if name in each.name)


def test_all_met() -> None:
    assert [each.name for each in targets(_lives()) if not each.is_met] == []


def test_each_says_its_ratio() -> None:
    shown = [row(each)[2] for each in targets(_lives())]
    assert shown[:5] == ["2.10 times", "42.00 times", "0.97 times", "1.43 times", "1.45 times"]
    assert shown[-2:] == ["149 ms (5.0 times python -c pass)", "390 ms (13.0 times python -c pass)"]


@pytest.mark.parametrize(
    ("name", "tool", "rate"),
    [("beside crun", "crun", 106.0), ("beside docker", "docker", 5.3), ("run over the floor", FLOOR, 316.0)],
)
def test_too_little_throughput_is_not_met(name: str, tool: str, rate: float) -> None:
    lives = _lives()
    lives.throughput[tool] = Throughput(2, {2: rate}, [rate])
    assert row(_found(lives, name))[3] == "no"


def test_a_slower_life_than_bubblewraps_is_not_met() -> None:
    lives = _lives()
    lives.latency["bubblewrap"] = [0.0057]
    assert row(_found(lives, "of bubblewrap's"))[3] == "no"


def test_ten_thousand_jobs_at_another_rate_are_not_met() -> None:
    lives = _lives()
    lives.runs[1] = Run(10_000, 56.0, 0.39, 5.0, 150 * 10**6)
    for name in ("rate of 10,000", "memory then", "to the reports"):
        assert row(_found(lives, name))[3] == "no"


def test_what_was_not_measured_is_neither_and_says_why() -> None:
    lives = Lives(1000, "host", absent={"docker": "not installed: Debian's package docker.io has it"})
    rows = [row(each) for each in targets(lives)]
    assert {each[3] for each in rows} == {""}
    assert rows[1][2] == "not measured: not installed: Debian's package docker.io has it"
    assert all(each[2].startswith("not measured: ") for each in rows)
