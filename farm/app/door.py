"""The way into the containers that a run keeps: a socket that other processes of this host's root talk to.

$FARM_HOME/kept/<run-id>     SOCK_SEQPACKET, mode 0600; there while the run keeps containers; one request a connection

Requests and answers are JSON, a message each::

    {"op": "list"}                                  -> {"jobs": [id, ...]}
    {"op": "release"}                               -> {"jobs": [those that were let go]}
    {"op": "enter", "job", "argv", "size", "term"}  -> {"started": true} with the other end of the command's terminal,
                                                       then {"code": exit code, negative for a signal}
    what cannot be                                  -> {"error": [brief, detail, remedy]}

Who hangs up while a command runs ends it.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import os
import socket
from types import TracebackType

from farm.engine.kept import Kept
from farm.errors import FarmError

FOLDER = "kept"
_MESSAGE_BYTES = 1 << 20
_BACKLOG = 8


def address(path: str, folder_fd: int) -> str:
    """A name for connect(2) and bind(2) that is short enough whatever ``path`` is, for as long as ``folder_fd`` is open."""
    return f"/proc/self/fd/{folder_fd}/{os.path.basename(path)}"


class Door:
    """Answers on the running loop; a context manager that takes the socket away at its end. Owns no container."""

    def __init__(self, home: str, run_id: str, kept: Kept) -> None:
        self._path = os.path.join(home, FOLDER, run_id)
        self._kept = kept
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Door:
        folder = os.path.dirname(self._path)
        os.makedirs(folder, 0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # of a run that was killed, and is gone on with
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._listener.bind(address(self._path, fd))
            os.chmod(self._path, 0o600)
        finally:
            os.close(fd)
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._listener is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _accept(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            task = self._loop.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                asked = json.loads(await self._loop.sock_recv(connection, _MESSAGE_BYTES))
                await self._answer(connection, asked)
            except FarmError as error:
                _send(connection, {"error": [error.brief, error.detail, error.remedy]})
            except (OSError, ValueError, KeyError, TypeError):
                pass  # whoever it was has gone, or speaks another language

    async def _answer(self, connection: socket.socket, asked: dict[str, object]) -> None:
        match asked:
            case {"op": "list"}:
                _send(connection, {"jobs": self._kept.jobs})
            case {"op": "release"}:
                jobs = self._kept.jobs
                self._kept.let_go(*jobs)
                _send(connection, {"jobs": jobs})
            case {"op": "enter", "job": str(job), "argv": list(argv), "size": str(size), "term": str(term)}:
                await self._enter(connection, job, tuple(map(str, argv)), bytes.fromhex(size), term)

    async def _enter(self, connection: socket.socket, job: str, argv: tuple[str, ...], size: bytes, term: str) -> None:
        room = self._kept.room(job)
        if room is None:
            raise FarmError(f"the container of {job} is not kept any more")

        def started(master_fd: int) -> None:
            fds = array.array("i", [master_fd]).tobytes()
            with contextlib.suppress(OSError):
                connection.sendmsg([b'{"started": true}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])

        number, end = room.enter(argv, size, term, started)
        gone = asyncio.ensure_future(self._loop.sock_recv(connection, 1))
        try:
            await asyncio.wait((end, gone), return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                _send(connection, {"code": end.result()})
        finally:
            gone.cancel()
            if not end.done():
                room.hang_up(number)


def _send(connection: socket.socket, message: dict[str, object]) -> None:
    with contextlib.suppress(OSError):
        connection.send(json.dumps(message).encode())
