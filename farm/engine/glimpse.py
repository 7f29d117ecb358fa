"""How an attempt is doing, for a screen: read when somebody looks, and at no cost to those that nobody looks at."""

from __future__ import annotations

import os

from farm.engine.log import LogCapture
from farm.engine.services import Services
from farm.launcher.container import Container
from farm.model.ports import Glimpse

_LINE_BYTES = 1024


def glimpse(running: Container | Services | None, log: LogCapture) -> Glimpse:
    """Of the attempt with this ``log``; before it has a container nothing but its services may have printed."""
    memory_bytes = running.memory_bytes if isinstance(running, Container) else None
    return Glimpse(memory_bytes, last_line(log.path, log.kept_bytes) if log.kept_bytes else "")


def last_line(path: str, end: int) -> str:
    """The last line with anything in it of the first ``end`` bytes of the log at ``path``, of a long one the last part.

    As it was printed, but for bytes that are no UTF-8. Empty where there is none, or the file cannot be read.
    """
    start = max(0, end - _LINE_BYTES)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(descriptor, end - start, start)
        finally:
            os.close(descriptor)
    except OSError:
        return ""
    return data.rstrip().rpartition(b"\n")[2].decode(errors="replace")
