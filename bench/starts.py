"""How long the farm takes to begin, beside Python's own start: a command can be no faster."""

from __future__ import annotations

import sys

from bench.farm import Farm
from bench.figures import Lives
from bench.rounds import in_turns
from bench.spawn import Spawner

PYTHON, HELP, FIRST = "python -c pass", "farm --help", "farm run to its first container"
_COMMANDS = {PYTHON: (sys.executable, "-c", "pass"), HELP: (sys.executable, "-m", "farm", "--help")}


def measure(lives: Lives, farm: Farm, rounds: int, spawner: Spawner) -> None:
    """Each once in each of ``rounds``: two commands, and a run of one job up to the start of its command."""
    for number in range(rounds):
        for name in in_turns((*_COMMANDS, FIRST), number):
            took_s = spawner.once(_COMMANDS[name]) if name in _COMMANDS else farm.run(1).first_s
            lives.starts.setdefault(name, []).append(took_s)
