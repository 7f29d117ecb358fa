"""Who is told of transfers while they go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Told of a name, the bytes that are there, and how many there will be (None: nobody knows); on the thread that fetches."""
