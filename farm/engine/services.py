"""The services of one attempt: further containers in its network, there before its own and gone with it.

Each has a log of its own beside the job's, ``<attempt>.<service>.log``, and what its checks print is in another one,
``<attempt>.<service>@healthcheck.log``. They are started one after another, each when the one
before is healthy: its healthcheck, run in its own container, has exited with 0; without one, its command has started. A service
that does not get there is an error of the attempt, for the test never ran. One that ends later does not end the job: the job's
log says so, and the test finds out for itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from farm.container.spec import ContainerSpec
from farm.engine import verdict
from farm.engine.log import LogCapture
from farm.engine.mask import Mask
from farm.engine.network import Joined
from farm.errors import FarmError
from farm.launcher.client import Client
from farm.launcher.container import Container, Ended, Message
from farm.model.paths import safe_name
from farm.model.service import Healthcheck, Service

_START_LIMIT_S = 120.0
_LAST_BYTES, _LAST_LINES = 4096, 10
_MAIN = 0


@dataclass(slots=True)
class _Running:
    """One that was launched. ``statuses`` are the wait statuses of its commands by number, as far as they have ended."""

    service: Service
    container: Container
    log: LogCapture
    spoke: asyncio.Event = field(default_factory=asyncio.Event)
    started: bool = False
    statuses: dict[int, int | None] = field(default_factory=dict)

    def heard(self, message: Message, _: tuple[int, ...]) -> None:
        """PID 1 said something."""
        if message.number == _MAIN:
            self.started = self.started or message.op == "started"
        elif message.op in ("exited", "failed"):
            self.statuses[message.number] = message.status
        self.spoke.set()


class Services:
    """Those of an attempt whose own log is ``log``, in containers of ``client``; ``hidden`` is masked in their logs."""

    def __init__(
        self,
        client: Client,
        log: LogCapture,
        *,
        null_fd: int,
        log_cap_bytes: int,
        hidden: tuple[str, ...] = (),
    ) -> None:
        self._client = client
        self._log = log
        self._hidden = hidden
        self._null_fd = null_fd
        self._log_cap_bytes = log_cap_bytes
        self._running: list[_Running] = []
        self._given_up = asyncio.get_running_loop().create_future()
        self._stopping = False

    def kill(self) -> None:
        """Nobody waits for them any more: ``start`` returns, healthy or not."""
        if not self._given_up.done():
            self._given_up.set_result(None)

    async def start(self, service: Service, joined: Joined, spec: ContainerSpec) -> None:
        """Start ``service`` in ``joined`` as ``spec`` says and wait until it is healthy, or nobody waits any more.

        Raises ``FarmError`` where it does not come to that, ``OSError`` where it cannot be launched.
        """
        if self._given_up.done():
            return
        log = self._captured(service.name)
        try:
            descriptors = (self._null_fd, log.write_fd, log.write_fd, *joined.descriptors)
            container = self._client.launch(joined.given(spec), descriptors)
        except BaseException:
            log.close()
            raise
        log.close_write()
        running = _Running(service, container, log)
        self._running.append(running)
        container.ended.add_done_callback(lambda _: running.spoke.set())
        container.listen(running.heard)
        if not await self._until(running, lambda: running.started, _START_LIMIT_S):
            if container.unborn:  # the zygote hangs
                self._client.give_up()
            raise self._unwell(running, f"its command has not started after {_START_LIMIT_S:g} s")
        if service.healthcheck is not None and not self._given_up.done():
            said = self._captured(f"{service.name}/healthcheck")
            try:
                await self._check(running, service.healthcheck, dict(spec.environment), said)
            finally:
                said.drain()
                said.close()
        container.ended.add_done_callback(lambda future: self._ended(service, future.result()))

    def verify(self, client: Client) -> None:
        """Raises ``FarmError`` where one has ended by now, or the job's container would be another client's than they are."""
        for each in self._running:
            if each.container.ended.done() and not self._given_up.done():
                raise self._unwell(each, "")
        if client is not self._client:
            raise FarmError("the services were lost", "the process that makes containers ended, and they with it")

    async def stop(self) -> None:
        """Kill them all and keep their logs; may be called twice."""
        self._stopping = True
        running, self._running = self._running, []
        for each in reversed(running):
            each.container.kill()
        for each in running:
            if not (await asyncio.wait((each.container.ended,), timeout=_START_LIMIT_S))[0]:
                self._client.give_up()
            await each.container.ended
            try:
                await each.log.finish()
            except OSError:
                pass  # the disk is full: what came until then is kept
            finally:
                each.log.close()

    def _captured(self, name: str) -> LogCapture:
        """A log beside the job's."""
        path = f"{self._log.path.removesuffix('.log')}.{safe_name(name)}.log"
        return LogCapture(path, self._log_cap_bytes, Mask(self._hidden) if self._hidden else None)

    async def _check(
        self, running: _Running, check: Healthcheck, environment: dict[str, str], said: LogCapture
    ) -> None:
        """Run the healthcheck until it is content; ``said`` is where it prints to."""
        found = "it was not run"
        for number in range(1, check.retries + 1):
            descriptors = (self._null_fd, said.write_fd, said.write_fd)
            running.container.spawn(number, check.argv, environment, descriptors)
            done = await self._until(running, partial(running.statuses.__contains__, number), check.timeout_s)
            if self._given_up.done():
                return
            if not done:
                running.container.signal(signal.SIGKILL, number)
                found = f"took longer than {check.timeout_s:g} s"
            else:
                status = running.statuses[number]
                if status == 0:
                    return
                found = "could not be started" if status is None else _ending(status)
            if number < check.retries:
                await self._until(running, lambda: False, check.interval_s)
        times = "once" if check.retries == 1 else f"{check.retries} times"
        said.drain()
        last = f", it said: {lines[-1]}" if (lines := last_lines(said.path)) else ""
        raise self._unwell(running, f"its healthcheck was run {times}; the last: {found}{last}")

    async def _until(self, running: _Running, condition: Callable[[], bool], limit_s: float) -> bool:
        """Whether ``condition`` came true in time, or nobody waits any more. Raises ``FarmError`` where the container ends."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + limit_s
        while not (condition() or self._given_up.done()):
            if running.container.ended.done():
                raise self._unwell(running, "")
            left_s = until_s - loop.time()
            if left_s <= 0:
                return False
            running.spoke.clear()
            spoke = asyncio.ensure_future(running.spoke.wait())
            await asyncio.wait((spoke, self._given_up), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            spoke.cancel()
        return True

    def _unwell(self, running: _Running, why: str) -> FarmError:
        """What to say of a service that is not healthy; its last lines go to the job's log."""
        running.log.drain()
        lines = last_lines(running.log.path)
        name = running.service.name
        ended = running.container.ended
        brief = "is not healthy"
        if ended.done():
            failure = ended.result().failure
            brief, why = "ended before the job began", _words(ended.result())
            if failure is not None:
                brief = "could not be started"
        detail = f"{why}; its last line: {lines[-1]}" if lines else f"{why}; it printed nothing"
        self._log.note(f"the service {name} {brief}: {why}")
        for line in lines:
            self._log.note(f"{name}: {line}")
        return FarmError(brief, detail, f"see its log, {os.path.basename(running.log.path)} beside the job's")

    def _ended(self, service: Service, ended: Ended) -> None:
        if not self._stopping and not self._given_up.done():
            self._log.note(f"the service {service.name} ended while the job ran: {_words(ended)}")


def _words(ended: Ended) -> str:
    return verdict.judge(ended, skip_exit_code=-1).reason or "exit status 0"


def _ending(status: int) -> str:
    return verdict.describe(os.waitstatus_to_exitcode(status))


def last_lines(path: str) -> list[str]:
    """The last lines of a log, printable, each cut to a length that a sentence can hold."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    lines = (
        "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)
        for line in text.split("\n")
    )
    return [line.strip()[:200] for line in lines if line.strip()][-_LAST_LINES:]
