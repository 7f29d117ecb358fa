"""How often the host is looked at in a run, and how many of those samples are told: enough to draw, whatever it lasts.

The journal is only appended to, so a long run looks less and less often: once a second 300 times, then every two seconds
300 times, and so on: a day is some 2,500 rows. Of these a reader gets at most ``MOST``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from farm.model.run import Sample

MOST = 600
_FIRST_S = 1.0
_AS_OFTEN = 300


def interval_s(taken: int) -> float:
    """How long to wait for the next sample where ``taken`` have been taken."""
    return float(_FIRST_S * 2 ** (taken // _AS_OFTEN))


def thinned(samples: Sequence[Sample], most: int = MOST) -> tuple[Sample, ...]:
    """``samples`` as they are if there are no more than ``most``, else one for each of as many equal spans of the run.

    Of those in a span the last counts, with the busy part of all of them.
    """
    if len(samples) <= most:
        return tuple(samples)
    span_s = (max(each.at_s for each in samples) or 1.0) / most
    found: dict[int, tuple[Sample, float, float]] = {}
    before_s = 0.0
    for each in samples:
        long_s = max(0.0, each.at_s - before_s)
        before_s = each.at_s
        place = min(most - 1, int(each.at_s / span_s))
        _, busy_s, all_s = found.get(place, (each, 0.0, 0.0))
        found[place] = (each, busy_s + each.cpu * long_s, all_s + long_s)
    return tuple(replace(last, cpu=busy_s / all_s if all_s else last.cpu) for last, busy_s, all_s in found.values())
