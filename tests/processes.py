"""Processes that a test looks for by what they are: those below this one, whatever else runs on the host."""

from __future__ import annotations

import contextlib

import psutil


def running(argv: list[str]) -> list[psutil.Process]:
    """Living descendants with exactly this command line; those whose parents were killed are among them (``own_corner``)."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # zombies too
            found += [each] if each.cmdline() == argv else []
    return found
