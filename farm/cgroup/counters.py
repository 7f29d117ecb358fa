"""Arithmetic on what control groups counted: pure."""

from __future__ import annotations

from typing import TypeVar

from farm.model.limits import Usage

_Number = TypeVar("_Number", int, float)
_Value = TypeVar("_Value")


def since(before: Usage, now: Usage, *, limit_hits: int | None = None) -> Usage:
    """What was used between two readings of counters that only grow; the peak is the second reading's own.

    ``limit_hits`` where the readings have none.
    """
    return Usage(
        cpu_s=_less(now.cpu_s, before.cpu_s),
        memory_peak_bytes=now.memory_peak_bytes,
        throttled_s=_less(now.throttled_s, before.throttled_s),
        throttled_periods=_less(now.throttled_periods, before.throttled_periods),
        oom_kills=_less(now.oom_kills, before.oom_kills),
        pids_refused=_less(now.pids_refused, before.pids_refused),
        limit_hits=limit_hits if now.limit_hits is None else _less(now.limit_hits, before.limit_hits),
    )


def merged(first: Usage, second: Usage) -> Usage:
    """Each counter from ``first``, or from ``second`` where the first does not have it."""
    return Usage(
        cpu_s=_either(first.cpu_s, second.cpu_s),
        memory_peak_bytes=_either(first.memory_peak_bytes, second.memory_peak_bytes),
        throttled_s=_either(first.throttled_s, second.throttled_s),
        throttled_periods=_either(first.throttled_periods, second.throttled_periods),
        oom_kills=_either(first.oom_kills, second.oom_kills),
        pids_refused=_either(first.pids_refused, second.pids_refused),
        limit_hits=_either(first.limit_hits, second.limit_hits),
    )


def _less(now: _Number | None, before: _Number | None) -> _Number | None:
    return None if now is None else now - (before or 0)


def _either(first: _Value | None, second: _Value | None) -> _Value | None:
    return second if first is None else first
