"""The end of a job's patience: on the monotonic clock, politely first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from farm.launcher.container import Container
from farm.model.job import Failure

_SETUP_LIMIT_S = 120.0


class Deadline:
    """Ends a command that runs longer than ``timeout_s``: SIGTERM, ``grace_s``, then everything killed.

    With ``idle_s``, also one that has printed nothing for so long; ``quiet_s`` says for how long, since a time that it is
    given. Set-up does not count, but must not take for ever either. All on the monotonic clock, which is the loop's.
    ``passed`` is the sentence that says what was acted on, empty for nothing. A command that has ended already is left alone,
    however late this process looks: it may have been stopped (Ctrl-Z, SIGSTOP), or have waited for its turn on a busy host.

    With ``keep`` the command alone is killed, so that its container can be used further; it is killed all the same where
    that does not help. With ``freeze`` everything is stopped where it is, without SIGTERM, and stays to be looked at.
    """

    def __init__(
        self,
        container: Container,
        timeout_s: float,
        grace_s: float,
        *,
        idle_s: float = 0.0,
        quiet_s: Callable[[float], float] | None = None,
        keep: bool = False,
        freeze: bool = False,
    ) -> None:
        self._container = container
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._idle_s = idle_s
        self._quiet_s = quiet_s
        self._keep = keep
        self._freeze = freeze
        self._loop = asyncio.get_running_loop()
        self._setup_until_s = self._loop.time() + max(timeout_s, _SETUP_LIMIT_S)
        self._look_s = min(timeout_s, idle_s or timeout_s)
        self._timer = self._loop.call_later(self._look_s, self._check)
        self.passed = ""

    def cancel(self) -> None:
        """The command has ended: forget it."""
        self._timer.cancel()

    def _check(self) -> None:
        container, now_s = self._container, self._loop.time()
        container.hear()
        if container.started_s is None:
            if now_s >= self._setup_until_s:
                container.fail(Failure("set up container", f"not done after {_SETUP_LIMIT_S:g} s"))
                container.kill()
                return
            self._timer = self._loop.call_later(self._look_s, self._check)
            return
        left_s = container.started_s + self._timeout_s - now_s
        idle_left_s = self._idle_left_s(container.started_s)
        if min(left_s, idle_left_s) > 0:
            self._timer = self._loop.call_later(min(left_s, idle_left_s), self._check)
        elif container.exited:
            self._timer = self._loop.call_later(self._grace_s, container.kill)  # what it left behind is going already
        else:
            self.passed = ran_past(self._timeout_s) if left_s <= 0 else _printed_nothing(self._idle_s)
            if self._freeze:
                container.stop()
                self._timer = self._loop.call_later(self._grace_s, container.kill)
                return
            container.signal(signal.SIGTERM)
            self._timer = self._loop.call_later(self._grace_s, self._kill)

    def _idle_left_s(self, started_s: float) -> float:
        if not self._idle_s or self._quiet_s is None:
            return float("inf")
        return self._idle_s - self._quiet_s(started_s)

    def _kill(self) -> None:
        if not self._keep:
            self._container.kill()
            return
        self._container.freeze(frozen=False)
        self._container.signal(signal.SIGKILL)
        self._timer = self._loop.call_later(self._grace_s, self._container.kill)


def ran_past(timeout_s: float) -> str:
    """The sentence of a command that ran out of time."""
    return f"ran longer than its timeout of {timeout_s:g} s"


def _printed_nothing(idle_s: float) -> str:
    return f"printed nothing for its idle-timeout of {idle_s:g} s"
