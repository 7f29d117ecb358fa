"""Who is told of what takes a while: transfers and builds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from farm.values import dataclass

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Told of a name, the bytes that are there, and how many there will be (None: nobody knows); on the thread that fetches."""
Said: TypeAlias = Callable[[str, str], None]
"""Told the name of a build and the last line that it printed, now and then; on the thread that builds."""


@dataclass(frozen=True, slots=True)
class Told:
    """Both."""

    progress: Progress
    said: Said
