"""Containers of failed attempts that stay for somebody to look around in, while other jobs go on.

Their command has ended, or ran out of time. PID 1 has stopped what was alive of it then (see ``farm.container.init``), so what
there is to see are processes, files, the network and mounts as they were at that moment. PID 1 itself waits for messages, and
what somebody starts in there runs. Stopped processes take no cpu, only the memory that they had.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from farm.container.spec import ContainerSpec
from farm.errors import FarmError
from farm.launcher.container import Container, Message

MOST = 20
"""Containers kept at once; each has its writable layer in memory. Of more, those that failed first stay."""

_FIRST_NUMBER = 1000  # far from those of the scripts that ran in it
_LOGIN = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash -l; exec sh -l")


class Room:
    """One container that is kept, and who is in it."""

    def __init__(self, container: Container, spec: ContainerSpec) -> None:
        self._container = container
        self._spec = spec
        self._next = _FIRST_NUMBER
        self._started: dict[int, Callable[[int], None]] = {}
        self._ends: dict[int, asyncio.Future[int]] = {}
        container.listen(self._heard)

    def enter(
        self, argv: tuple[str, ...], terminal: bytes, term: str, started: Callable[[int], None]
    ) -> tuple[int, asyncio.Future[int]]:
        """Start ``argv``, a login shell where it is empty, as the job's user; its number, and its exit code to come.

        ``terminal`` is the size of its terminal, ``struct winsize``; ``started`` is given the other end of that terminal, which
        is closed on return. The future raises ``FarmError`` where it could not be started, or the container went.
        """
        number, self._next = self._next, self._next + 1
        end = self._ends[number] = asyncio.get_running_loop().create_future()
        self._started[number] = started
        self._container.spawn(
            number,
            argv or _LOGIN,
            {**dict(self._spec.environment), "TERM": term},
            (),
            directory=self._spec.working_directory,
            terminal=terminal,
            identity=self._spec.identity,
        )
        return number, end

    def hang_up(self, number: int) -> None:
        """The terminal of command ``number`` is gone: end it."""
        self._container.signal(signal.SIGHUP, number)
        self._container.signal(signal.SIGKILL, number)

    def let_go(self) -> None:
        """End everything in it."""
        self._container.kill()

    def gone(self) -> None:
        """The container has ended, in whatever way: give back what it had."""
        for end in self._ends.values():
            if not end.done():
                end.set_exception(FarmError("the container is gone"))
        self._container.let_go()

    def _heard(self, message: Message, descriptors: tuple[int, ...]) -> None:
        end = self._ends.get(message.number)
        if end is None or end.done():
            return
        started = self._started.pop(message.number, None)
        if message.op == "started" and descriptors and started is not None:
            started(descriptors[0])
        elif message.op == "exited" and message.status is not None:
            end.set_result(os.waitstatus_to_exitcode(message.status))
        elif message.op == "failed" and message.failure is not None:
            failure = message.failure
            end.set_exception(
                FarmError(f"the command cannot be started: {failure.step}", failure.message, failure.hint)
            )


class Kept:
    """The containers that are kept of one run, by the ids of their jobs."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._change = asyncio.Event()
        self.refused = 0

    @property
    def jobs(self) -> tuple[str, ...]:
        """Ids of jobs whose containers there are, in the order in which they failed."""
        return tuple(self._rooms)

    def room(self, job_id: str) -> Room | None:
        return self._rooms.get(job_id)

    def keep(self, job_id: str, container: Container, spec: ContainerSpec) -> bool:
        """Take over ``container``, whose command has ended, unless there are enough."""
        if len(self._rooms) >= MOST:
            self.refused += 1
            return False
        room = self._rooms[job_id] = Room(container, spec)
        container.ended.add_done_callback(lambda _: self._gone(job_id, room))
        return True

    def let_go(self, *job_ids: str) -> None:
        """End those of ``job_ids``, as far as there are any."""
        for each in job_ids:
            room = self._rooms.pop(each, None)
            if room is not None:
                room.let_go()
        self._change.set()

    def _gone(self, job_id: str, room: Room) -> None:
        room.gone()
        if self._rooms.get(job_id) is room:
            del self._rooms[job_id]
            self._change.set()

    async def empty(self) -> None:
        """Until there is none left."""
        while self._rooms:
            self._change.clear()
            await self._change.wait()
