"""Running commands and timing them, with as little of our own in between as can be: posix_spawn(3), and xargs for many."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from farm.errors import FarmError

_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Spawner:
    """``errors`` is the file that commands write their complaints to; ``names`` begins the names of containers."""

    errors: str
    names: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def once(self, command: Sequence[str], name: str = "") -> float:
        """Seconds from the start of ``command`` to its end; ``{}`` in it becomes ``name``. Raises ``FarmError``."""
        words = _filled(command, self.names + name)
        started_s = time.perf_counter()
        pid = self.background(words)
        status = os.waitpid(pid, 0)[1]
        took_s = time.perf_counter() - started_s
        self.check(words, os.waitstatus_to_exitcode(status))
        return took_s

    def background(self, command: Sequence[str], name: str = "") -> int:
        """Start ``command``; its pid, which the caller waits for."""
        words = _filled(command, self.names + name)
        actions = (
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, self.errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        )
        # Python ignores SIGPIPE, and what it starts would inherit that.
        return os.posix_spawnp(words[0], words, self.environment, file_actions=actions, setsigdef=(signal.SIGPIPE,))

    def many(self, command: Sequence[str], names: Sequence[str], parallel: int, *, at_once: int = 0) -> float:
        """Seconds of one ``command`` for each of ``names``, ``parallel`` at a time. Raises ``FarmError``.

        With ``at_once`` the names are appended to the command, so many to each.
        """
        each = ("-n", str(at_once)) if at_once else ("-I", "{}")
        words = ["xargs", "-P", str(parallel), *each, *command]
        given = "".join(f"{self.names}{name}\n" for name in names)
        with open(self.errors, "ab") as errors:
            started_s = time.perf_counter()
            done = subprocess.run(
                words,
                input=given.encode(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=self.environment,
                check=False,
            )
        took_s = time.perf_counter() - started_s
        self.check(words, done.returncode)
        return took_s

    def complaint(self) -> str:
        """The end of what the last commands said on their standard error, which is forgotten then."""
        try:
            with open(self.errors, "r+", encoding="utf-8", errors="replace") as file:
                text = file.read().strip()
                file.truncate(0)
        except FileNotFoundError:
            return ""
        return text[-_SHOWN:]

    def check(self, words: Sequence[str], code: int) -> None:
        """Raises ``FarmError``, with the last thing that was said, where ``code`` is not 0."""
        if code:
            said = self.complaint()
            raise FarmError(f"{words[0]} ended with {code}", said.splitlines()[-1] if said else "")


def _filled(command: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(word.replace("{}", name) for word in command)
