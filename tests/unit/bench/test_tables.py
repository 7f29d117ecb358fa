"""The tables as text."""

from __future__ import annotations

from bench.figures import Crowd, Lives, Run, Throughput
from bench.tables import reference, tables
from bench.tools import FARM


def _lives() -> Lives:
    return Lives(
        1000,
        "2 processors",
        load=[0.5, 1.25],
        versions={"crun": "1.8.1"},
        absent={"docker": "not installed: Debian's package docker.io has it"},
        latency={"bubblewrap": [0.005], "crun": [0.010, 0.012, 0.014]},
        throughput={"crun": Throughput(4, {4: 100.0}, [100.0]), FARM: Throughput(0, {0: 250.0}, [250.0])},
        crowds=[Crowd("crun", 500, 2.0, 0.5, 0.75, 0.001, 0.002), Crowd("podman", 500, why_not="would take 99 s")],
        runs=[Run(1000, 4.0, 0.3, 1.5, 80 * 10**6)],
    )


def _cells(text: str, first: str) -> list[str]:
    return next(
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith(f"| {first}")
    )


def test_latency_beside_the_first_peer_there_is() -> None:
    text = tables(_lives(), "github")
    assert "of crun" in text
    assert _cells(text, "crun 1.8.1") == ["crun 1.8.1", "12.00", "11.00 to 13.00", "1.00"]
    assert _cells(text, "bubblewrap") == ["bubblewrap", "5.00", "5.00 to 5.00", "0.42"]


def test_what_is_missing_is_a_row_that_says_why() -> None:
    assert _cells(tables(_lives(), "github"), "docker")[1] == "not installed: Debian's package docker.io has it"


def test_throughput_with_the_best_parallelism() -> None:
    assert _cells(tables(_lives(), "github"), FARM) == [FARM, "default", "250.0", "250.00 to 250.00", "2.50"]


def test_alive_with_what_was_not_tried() -> None:
    text = tables(_lives(), "github")
    assert "| crun            | 500 | 2.00 " in text
    assert _cells(text, "podman") == ["podman", "500", "", "", "would take 99 s", "", ""]


def test_whole_runs_and_load() -> None:
    text = tables(_lives(), "github")
    assert _cells(text, "1,000 jobs") == ["1,000 jobs", "1", "4.00", "250", "2.50", "300", "1.50", "80"]
    assert text.startswith("2 processors; load average 0.50 to 1.25\n")


def test_without_any_peer_there_is_nothing_to_compare_with() -> None:
    lives = Lives(1000, "host", latency={"floor": [0.004]})
    assert reference(lives) == ""
    assert _cells(tables(lives, "github"), "floor")[3] == ""
