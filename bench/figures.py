"""What was measured, as it goes to JSON; and what is said of several measurements of one thing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the quartiles of some figures."""

    low: float
    middle: float
    high: float


def spread(figures: Sequence[float]) -> Spread:
    """That of one or more figures."""
    if len(figures) == 1:
        return Spread(figures[0], figures[0], figures[0])
    low, middle, high = statistics.quantiles(figures, n=4, method="inclusive")
    return Spread(low, middle, high)


@dataclass(slots=True)
class Throughput:
    """Whole lives a second at ``parallel``, the best of those that were ``tried``, 0 for the tool's own default."""

    parallel: int
    tried: dict[int, float]
    a_second: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crowd:
    """``count`` containers of one tool alive at once.

    Seconds until all were there and until all were gone; MiB of the host's memory for each; seconds that the host took to run
    a command of its own before them and among them. ``why_not`` says why there is nothing of that.
    """

    tool: str
    count: int
    up_s: float = 0.0
    down_s: float = 0.0
    mib_each: float = 0.0
    pulse_before_s: float = 0.0
    pulse_s: float = 0.0
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One ``farm run``: seconds from its exec(2) to its end, to its first command and from its last job's end to its own.

    ``most_bytes`` is the orchestrator's largest resident set.
    """

    jobs: int
    took_s: float
    first_s: float
    after_s: float
    most_bytes: int


@dataclass(slots=True)
class Lives:
    """Everything of one measurement side by side. ``absent`` are tools that are missing or failed, and why.

    ``latency`` is in seconds, ``starts`` too: what the farm takes to begin. ``load`` is the host's load average of one
    minute when it began and when it ended.
    """

    jobs: int
    host: str
    load: list[float] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    latency: dict[str, list[float]] = field(default_factory=dict)
    throughput: dict[str, Throughput] = field(default_factory=dict)
    crowds: list[Crowd] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    starts: dict[str, list[float]] = field(default_factory=dict)

    def latency_s(self, tool: str) -> float | None:
        """The median, None where there is none."""
        return spread(self.latency[tool]).middle if self.latency.get(tool) else None

    def a_second(self, tool: str) -> float | None:
        """The median of whole lives a second, None where there is none."""
        found = self.throughput.get(tool)
        return spread(found.a_second).middle if found and found.a_second else None

    def runs_of(self, jobs: int) -> list[Run]:
        """Whole runs of that many jobs."""
        return [run for run in self.runs if run.jobs == jobs]

    def crowd(self, tool: str, count: int) -> Crowd | None:
        """What was measured of so many containers, None where nothing was."""
        return next((each for each in self.crowds if (each.tool, each.count, each.why_not) == (tool, count, "")), None)
