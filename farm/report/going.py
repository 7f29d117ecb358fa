"""What is said of a run while it goes on: why jobs wait, what of the budget is in use, how long it will still take. Pure."""

from __future__ import annotations

import math

from farm.report.text import line
from farm.schedule.standing import Standing, Why
from farm.units import format_bytes

_NAMED_IMAGES = 3


def clock(seconds: float) -> str:
    """``0:07``, ``12:34``, ``1:02:03``."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def left(seconds: float) -> str:
    """``a few seconds left``, ``about 25 s left``, and ``4m10s``, ``23m``, ``1h10m``: as exact as an estimate is."""
    if seconds <= 7:
        return "a few seconds left"
    if seconds < 57.5:
        return f"about {math.ceil(seconds / 5 - 0.5) * 5} s left"
    if seconds < 595:
        minutes, rest = divmod(math.ceil(seconds / 10 - 0.5) * 10, 60)
        return f"about {minutes}m{rest:02d}s left"
    hours, minutes = divmod(math.ceil(seconds / 60 - 0.5), 60)
    return f"about {hours}h{minutes // 5 * 5:02d}m left" if hours else f"about {minutes}m left"


def waits(standing: Standing) -> str:
    """``808 waiting: 640 for a slot, 120 for needs, 48 for an image (debian-12)``; why nothing starts; empty otherwise."""
    counts = sorted(((why, count) for why, count in standing.waiting.items() if count), key=lambda each: -each[1])
    if not counts:
        return f"stopping: {line(standing.stopped)}" if standing.stopped else ""
    told = [f"{count} for {why.value}{_images(standing) if why is Why.IMAGE else ''}" for why, count in counts]
    return f"{sum(count for _, count in counts)} waiting: {', '.join(told)}"


def in_use(standing: Standing) -> str:
    """``16 of 16 running, quotas: 12.5 of 16 cpus, 8 of 40 GiB memory``."""
    used, given = standing.used, standing.budget
    most = f"{standing.at_most}" if standing.at_most == given.slots else f"{standing.at_most} (usually {given.slots})"
    cpus = f"{used.cpus:.3g}" if math.isinf(given.cpus) else f"{used.cpus:.3g} of {given.cpus:.3g}"
    have, of = format_bytes(used.memory_bytes), format_bytes(given.memory_bytes)
    memory = f"{have.split()[0] if have.split()[1] == of.split()[1] else have} of {of}"
    return f"{used.running} of {most} running, quotas: {cpus} cpus, {memory} memory"


def _images(standing: Standing) -> str:
    """The distros of which images are missing, those that most wait for first."""
    counts: dict[str, int] = {}
    for key, count in standing.images:
        counts[key.distro] = counts.get(key.distro, 0) + count
    names = sorted(counts, key=lambda name: -counts[name])
    more = f" and {len(names) - _NAMED_IMAGES} more" if len(names) > _NAMED_IMAGES else ""
    return f" ({', '.join(map(line, names[:_NAMED_IMAGES]))}{more})" if names else ""
