"""The processes of this pid namespace, as /proc shows them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from farm.errors import FarmError

_REST = 4  # a look is a load of its own: it may take one part in so many


def count(argv: Sequence[str]) -> int:
    """How many processes were started with exactly ``argv``."""
    wanted = b"".join(os.fsencode(word) + b"\0" for word in argv)
    return sum(_arguments(name) == wanted for name in os.listdir("/proc") if name.isdecimal())


def until(wanted: int, argv: Sequence[str], deadline_s: float, is_hopeless: Callable[[], bool] = lambda: False) -> None:
    """Return when there are ``wanted`` of them. Raises ``FarmError`` at ``deadline_s``, of the monotonic clock, or before."""
    while True:
        began_s = time.monotonic()
        found = count(argv)
        if found == wanted:
            return
        if began_s > deadline_s or is_hopeless():
            raise FarmError(f"{found} containers in time, not {wanted}")
        time.sleep(max(0.005, _REST * (time.monotonic() - began_s)))


def _arguments(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:  # it has ended
        return b""
