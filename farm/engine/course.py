"""What happens in an attempt's container, in order: the command, then the scripts that look at what it left.

A container without scripts ends with its command. One with ``always`` or ``debug`` is held: when its command ends, in
whatever way, PID 1 kills what it left behind and stays, and the scripts run in the same namespaces, groups and quotas. What
they do, and what they use up, is no longer the command's: its outcome and its numbers are taken before. One that may be
kept (``--keep failed``) is frozen instead: what the command left running is stopped, and so is a command that ran out of time.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from farm.engine.deadline import Deadline, ran_past
from farm.engine.log import LogCapture
from farm.engine.verdict import describe_status
from farm.launcher.container import Container, Ended, Message
from farm.model.job import Job
from farm.values import dataclass

SCRIPT_LIMIT_S = 300.0
"""How long each of ``always`` and ``debug`` may take."""


@dataclass(frozen=True, slots=True)
class Script:
    """One of them: what the log calls it, and what to run. ``descriptors`` are its 0, 1 and 2, and stay the caller's."""

    title: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    descriptors: tuple[int, ...]
    directory: str
    identity: tuple[int, ...]


class Course:
    """The course of ``container``, which runs the command of ``job``, launched to be held, and frozen, where that is so."""

    def __init__(
        self,
        container: Container,
        job: Job,
        log: LogCapture,
        grace_s: float,
        script_limit_s: float,
        *,
        held: bool,
        freeze: bool,
    ) -> None:
        self._container = container
        self._job = job
        self._log = log
        self._grace_s = grace_s
        self._script_limit_s = script_limit_s
        self._held = held
        self._freeze = freeze
        self._spawned = 0
        self._ends: dict[int, asyncio.Future[Message]] = {}
        if held:
            self._ends[0] = asyncio.get_running_loop().create_future()
            container.listen(self._heard)

    @property
    def over(self) -> bool:
        """The container is gone, and no script can run in it."""
        return self._container.ended.done()

    @property
    def ran(self) -> bool:
        """The command began, and has ended or is stopped."""
        end = self._ends.get(0)
        return end is not None and end.done() and end.result().op != "failed"

    async def command(self) -> tuple[Ended, str]:
        """How the command ended; the text says which timeout it ran past, if any. A held container may be there still."""
        container, job = self._container, self._job
        deadline = Deadline(
            container,
            job.timeout_s,
            self._grace_s,
            idle_s=job.idle_timeout_s,
            quiet_s=self._log.quiet_s,
            keep=self._held,
            freeze=self._freeze,
        )
        try:
            gone = asyncio.shield(container.ended)  # who gives up waiting must not take it from the client
            if self._held:
                await asyncio.wait((gone, self._ends[0]), return_when=asyncio.FIRST_COMPLETED)
            else:
                await gone
        finally:
            deadline.cancel()
        ended = container.ended.result() if container.ended.done() else self._so_far(self._ends[0].result())
        overran = ended.status is not None and container.started_s and ended.at_s - container.started_s > job.timeout_s
        return ended, deadline.passed or (ran_past(job.timeout_s) if overran else "")

    async def script(self, script: Script) -> None:
        """Run ``script`` to its end, which is told in the log where it is a bad one."""
        self._spawned += 1
        number = self._spawned
        end = self._ends[number] = asyncio.get_running_loop().create_future()
        self._log.note(script.title)
        self._log.make_room()
        self._container.spawn(
            number,
            script.argv,
            script.environment,
            script.descriptors,
            directory=script.directory,
            identity=script.identity,
        )
        patience: list[tuple[float, Callable[[], None]]] = [
            (self._script_limit_s, lambda: self._container.signal(signal.SIGTERM, number)),
            (self._grace_s, lambda: self._container.signal(signal.SIGKILL, number)),
            (self._grace_s, self._container.kill),
        ]
        late = ""
        for wait_s, act in patience:
            if await self._either(end, wait_s):
                break
            late = late or f", for it ran longer than {self._script_limit_s:g} s"
            act()
        else:
            await asyncio.shield(self._container.ended)
        self._tell_end(script.title.partition(":")[0].partition(",")[0], end, late)

    async def release(self) -> None:
        """Let go of the container and wait until all of it is gone."""
        self._container.release()
        if not await self._either(self._container.ended, self._grace_s):
            self._container.kill()
        await asyncio.shield(self._container.ended)

    async def _either(self, end: asyncio.Future[Message] | asyncio.Future[Ended], wait_s: float) -> bool:
        """Whether ``end`` or the container's came within ``wait_s``."""
        ended = asyncio.shield(self._container.ended)
        done, _ = await asyncio.wait((end, ended), timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    def _tell_end(self, name: str, end: asyncio.Future[Message], late: str) -> None:
        if not end.done():
            self._log.note(f"{name} did not come to its end: its container is gone{late}")
            return
        message = end.result()
        if message.failure is not None:
            self._log.note(f"{name} could not be run: {message.failure.step}: {message.failure.message}")
        elif message.status:
            self._log.note(f"{name} failed: {describe_status(message.status)}{late}")

    def _heard(self, message: Message, _: tuple[int, ...]) -> None:
        end = self._ends.get(message.number)
        if message.op in ("exited", "failed", "stopped") and end is not None and not end.done():
            end.set_result(message)

    def _so_far(self, message: Message) -> Ended:
        """The command's end, in a container that is still there."""
        return self._container.end_of_command(message)


def is_held(job: Job) -> bool:
    """The container stays when the command has ended."""
    return bool(job.always or job.debug)
