"""Where files lie as others name them: pure."""

from __future__ import annotations

import os


def below(folder: str, path: str) -> str:
    """``path`` from ``folder``; empty where it does not lie below it, or where one of them is empty."""
    inside = os.path.relpath(path, folder) if path and folder else ".."
    return "" if inside.startswith("..") else inside


def line_of(where: str) -> int | None:
    """The line of ``file:line:column``."""
    parts = where.rsplit(":", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isascii() and parts[1].isdecimal() else None
