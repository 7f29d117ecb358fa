"""The figures as one small SVG: a panel a measurement, a bar a tool, a line across its end for the quartiles."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.figures import Lives, spread

_WIDTH, _LEFT, _RIGHT = 720, 190, 70
_ROW, _BAR, _HEAD, _GAP = 20, 12, 30, 18
_DECADE = 10.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in units of what the panel shows; ``is_ours`` are the farm's."""

    label: str
    low: float
    middle: float
    high: float
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars on a logarithmic scale of their own."""

    title: str
    unit: str
    bars: tuple[Bar, ...]


def panels(lives: Lives) -> list[Panel]:
    """One for each measurement that there are figures of."""
    found = [
        Panel(
            "One /bin/true after another: start to exit (less is better)",
            "ms",
            tuple(_bar(name, [1000 * each for each in seconds]) for name, seconds in lives.latency.items()),
        ),
        Panel(
            "Many at once, each at its best parallelism (more is better)",
            "a second",
            tuple(_bar(name, each.a_second) for name, each in lives.throughput.items() if each.a_second),
        ),
    ]
    for count in sorted({each.count for each in lives.crowds}):
        there = [each for each in lives.crowds if each.count == count and not each.why_not and each.mib_each > 0]
        bars = tuple(_bar(each.tool, [each.mib_each]) for each in there)
        found.append(Panel(f"{count:,} alive at once: memory of each (less is better)", "MiB", bars))
    return [each for each in found if each.bars]


def svg(shown: Sequence[Panel]) -> str:
    """The picture as text."""
    folder = os.path.dirname(os.path.abspath(__file__))
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    y = 0
    drawn = []
    for panel in shown:
        drawn.append({"title": panel.title, "unit": panel.unit, "y": y, "bars": _drawn(panel, y + _HEAD)})
        y += _HEAD + _ROW * len(panel.bars) + _GAP
    template = environment.get_template("plot.svg.j2")
    return template.render(panels=drawn, width=_WIDTH, height=y, left=_LEFT, bar=_BAR, row=_ROW)


def _drawn(panel: Panel, top: int) -> list[dict[str, object]]:
    floor = _DECADE ** math.floor(math.log10(min(bar.low for bar in panel.bars)))
    span = math.log(max(bar.high for bar in panel.bars) / floor) or 1.0

    def x(value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log(value / floor) / span, 1)

    return [
        {
            "label": bar.label,
            "is_ours": bar.is_ours,
            "y": top + _ROW * number,
            "end": x(bar.middle),
            "low": x(bar.low),
            "high": x(bar.high),
            "value": f"{bar.middle:.3g}" if bar.middle < 100 else f"{bar.middle:.0f}",
        }
        for number, bar in enumerate(panel.bars)
    ]


def _bar(name: str, figures: Sequence[float]) -> Bar:
    found = spread(figures)
    return Bar(name, found.low, found.middle, found.high, name.startswith("farm"))
