"""The end of a job's patience: on the monotonic clock, politely first."""

from __future__ import annotations

import asyncio
import signal

from farm.launcher.container import Container
from farm.model.job import Failure

_SETUP_LIMIT_S = 120.0


class Deadline:
    """Ends a container whose command runs longer than ``timeout_s``: SIGTERM, ``grace_s``, then everything killed.

    Set-up does not count, but must not take for ever either. All on the monotonic clock, which is the loop's. ``passed``
    says that it was acted on. A command that has ended already is left alone, however late this process looks: it may have
    been stopped (Ctrl-Z, SIGSTOP), or have waited for its turn on a busy host.
    """

    def __init__(self, container: Container, timeout_s: float, grace_s: float) -> None:
        self._container = container
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._loop = asyncio.get_running_loop()
        self._setup_until_s = self._loop.time() + max(timeout_s, _SETUP_LIMIT_S)
        self._timer = self._loop.call_later(timeout_s, self._check)
        self.passed = False

    def cancel(self) -> None:
        """The container has ended: forget it."""
        self._timer.cancel()

    def _check(self) -> None:
        container, now_s = self._container, self._loop.time()
        container.hear()
        if container.started_s is None:
            if now_s >= self._setup_until_s:
                container.fail(Failure("set up container", f"not done after {_SETUP_LIMIT_S:g} s"))
                container.kill()
                return
            self._timer = self._loop.call_later(self._timeout_s, self._check)
        elif (left_s := container.started_s + self._timeout_s - now_s) > 0:
            self._timer = self._loop.call_later(left_s, self._check)
        elif container.exited:
            self._timer = self._loop.call_later(self._grace_s, container.kill)  # what it left behind is going already
        else:
            self.passed = True
            container.signal(signal.SIGTERM)
            self._timer = self._loop.call_later(self._grace_s, container.kill)
