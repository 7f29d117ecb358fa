"""Counting processes by what they were started with."""

from __future__ import annotations

import subprocess
import time

import pytest

from bench import processes
from farm.errors import FarmError

_COMMAND = ("sleep", "86111")


def test_exactly_those_are_counted() -> None:
    with subprocess.Popen(_COMMAND) as one, subprocess.Popen((*_COMMAND, "1")) as another:
        try:
            processes.until(1, _COMMAND, time.monotonic() + 30)
            processes.until(1, (*_COMMAND, "1"), time.monotonic() + 30)
            assert processes.count(_COMMAND) == 1
        finally:
            one.kill()
            another.kill()
    assert processes.count(_COMMAND) == 0


def test_what_does_not_come_is_an_error_in_time() -> None:
    with pytest.raises(FarmError, match="0 containers in time, not 1"):
        processes.until(1, _COMMAND, time.monotonic())


def test_what_cannot_come_any_more_is_not_waited_for() -> None:
    with pytest.raises(FarmError, match="0 containers in time, not 1"):
        processes.until(1, _COMMAND, time.monotonic() + 60, lambda: True)
