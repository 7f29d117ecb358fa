"""A terminal that can be looked at: tmux, on a server and with a configuration of its own."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")


class Terminal:
    """One of ``columns`` by ``lines`` in which a shell is; ``close`` ends it, and what runs in it."""

    def __init__(self, folder: Path, columns: int, lines: int, env: dict[str, str], slowdown: float) -> None:
        self._socket = str(folder / "tmux")
        self._slowdown = slowdown
        started = subprocess.run(
            [*self._tmux, "-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), "sh"],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C.UTF-8", "PS1": "$ ", "ENV": "", **env},
            capture_output=True,
            text=True,
        )
        assert started.returncode == 0, started.stderr
        self._server = int(self._asked("display-message", "-p", "#{pid}"))

    def type(self, text: str, *, enter: bool = True) -> None:
        """Type ``text``, or the key that it names."""
        self._asked("send-keys", text, *(["Enter"] if enter else []))

    def run(self, *words: object) -> None:
        """Type a command line into the shell."""
        self.type("clear; " + shlex.join(map(str, words)))

    def resize(self, columns: int, lines: int) -> None:
        """Make it another size."""
        self._asked("resize-window", "-x", str(columns), "-y", str(lines))

    def shown(self, *, history: bool = False) -> list[str]:
        """Its lines as they are now, without the empty ones below the last, ``history`` those that have scrolled off too."""
        text = self._asked("capture-pane", "-p", *(["-S", "-", "-J"] if history else []))
        return text.rstrip("\n").split("\n")

    def coloured(self) -> str:
        """What it shows, with its colours as escape sequences."""
        return self._asked("capture-pane", "-p", "-e")

    def cursor(self) -> bool:
        """The cursor can be seen."""
        return self._asked("display-message", "-p", "#{cursor_flag}").strip() == "1"

    def until(self, condition: Callable[[list[str]], object], limit_s: float = 20) -> list[str]:
        """What it shows as soon as ``condition`` is true of that; fails where that takes too long."""
        until_s = time.monotonic() + limit_s * self._slowdown
        shown = self.shown()
        while not condition(shown):
            assert time.monotonic() < until_s, "\n".join(["it still shows", *shown])
            time.sleep(0.02)  # between two looks, not instead of one
            shown = self.shown()
        return shown

    def close(self) -> None:
        """End the server and wait until it is gone."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True)
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(self._server).wait(10 * self._slowdown)

    @property
    def _tmux(self) -> list[str]:
        return ["tmux", "-S", self._socket]

    def _asked(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True).stdout
