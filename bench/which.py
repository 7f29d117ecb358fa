"""Finding a tool, and what it calls its version."""

from __future__ import annotations

import re
import shutil
import subprocess

from farm.errors import FarmError

_NUMBER = re.compile(r"\d+(?:\.\d+)*[^\s,)]*")


def required(program: str, package: str = "") -> str:
    """The path of ``program``. Raises ``FarmError`` where it is not installed."""
    path = shutil.which(program)
    if path is None:
        raise FarmError("not installed", f"Debian's package {package or program} has it")
    return path


def version(program: str) -> str:
    """The number in the first line of ``program --version``."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return parsed(done.stdout)


def parsed(text: str) -> str:
    """The first number of that kind in ``text``, empty where there is none."""
    number = _NUMBER.search(text)
    return number.group() if number else ""
