"""Commands that start no container, beside Python's own start: a command can be no faster."""

from __future__ import annotations

import sys

from bench.figures import Lives
from bench.rounds import in_turns
from bench.spawn import Spawner

PYTHON, HELP = "python -c pass", "farm --help"
_COMMANDS = {PYTHON: (sys.executable, "-c", "pass"), HELP: (sys.executable, "-m", "farm", "--help")}


def measure(lives: Lives, rounds: int, spawner: Spawner) -> None:
    """Each command once in each of ``rounds``."""
    for number in range(rounds):
        for name in in_turns(tuple(_COMMANDS), number):
            lives.starts.setdefault(name, []).append(spawner.once(_COMMANDS[name]))
