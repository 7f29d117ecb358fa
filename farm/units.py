"""Durations and sizes as people write them: ``90s``, ``1h30m``, ``512M``, ``1.5GiB``.

Durations are seconds as ``float``; sizes are bytes as ``int``. Size suffixes are powers of 1024, with or without ``iB``
or ``B``, as docker and systemd read them.
"""

from __future__ import annotations

import re

_DURATION_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"  # not \d, which is every script's digits
_DURATION_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_SIZE = re.compile(rf"({_NUMBER})\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_SIZE_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_duration_s(text: str | float) -> float:
    """Seconds of ``text``: a number of seconds, or parts such as ``1h30m``. Raises ``ValueError`` for anything else."""
    if isinstance(text, bool):
        raise ValueError(f"not a duration: {text}")
    if isinstance(text, (int, float)) or re.fullmatch(_NUMBER, text.strip()):
        seconds = float(text)
    elif _DURATION.fullmatch(text.strip()):
        seconds = sum(float(number) * _DURATION_S[unit] for number, unit in _DURATION_PART.findall(text))
    else:
        raise ValueError(f"not a duration: {text!r}; write it like 90s, 10m or 1h30m")
    if not 0 < seconds < float("inf"):
        raise ValueError(f"not a duration: {text!r}; it must be longer than zero")
    return seconds


def parse_bytes(text: str | int) -> int:
    """Bytes of ``text``: a whole number, or one with a suffix such as ``512M``. Raises ``ValueError`` for anything else."""
    if isinstance(text, bool):
        raise ValueError(f"not a size: {text}")
    if isinstance(text, int):
        size = text
    else:
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a size: {text!r}; write it like 512M or 4G")
        size = int(float(match[1]) * _SIZE_BYTES[match[2].lower()])
    if size <= 0:
        raise ValueError(f"not a size: {text!r}; it must be larger than zero")
    return size


def format_duration(seconds: float) -> str:
    """``0.042 s``, ``8.1 s``, ``2m05s``, ``3h07m``: at most seven characters wide, for tables and live lines."""
    if seconds < 1:
        return f"{seconds:.3f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds + 0.5), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m"


def format_bytes(size: int) -> str:
    """``812 B``, ``1.5 MiB``, ``24 GiB``: three significant figures, binary units."""
    value = float(size)
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    unit = units[0]
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.3g} {unit}"
