"""The other side of ``door``: finds containers that running farms keep, enters one, lets all of them go."""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator

from farm.app.door import FOLDER, address
from farm.engine.shell import attach, size
from farm.errors import FarmError, UsageError

_MESSAGE_BYTES = 1 << 20
_PATIENCE_S = 10.0


def kept(home: str) -> dict[str, tuple[str, ...]]:
    """By the ids of runs that go on, the oldest first, the jobs whose containers they keep."""
    found = {}
    for run in _runs(home):
        with contextlib.suppress(FarmError):
            found[run] = _jobs(_asked(home, run, {"op": "list"}))
    return {run: jobs for run, jobs in found.items() if jobs}


def let_go(home: str) -> dict[str, tuple[str, ...]]:
    """Let go of all of them; by run, the jobs whose containers are gone."""
    return {run: _jobs(_asked(home, run, {"op": "release"})) for run in kept(home)}


def enter(home: str, run: str, job: str, argv: tuple[str, ...]) -> int:
    """Run ``argv``, a login shell where it is empty, in the container of ``job`` on this process's terminal; its exit code.

    128 and the signal's number where one ended it. Raises ``FarmError`` where it cannot be started, or the run ends.
    """
    if not os.isatty(0):
        raise UsageError(
            "farm shell needs a terminal", "standard input is none", "use farm run for commands in scripts"
        )
    asked = {"op": "enter", "job": job, "argv": argv, "size": size(0).hex(), "term": os.environ.get("TERM", "dumb")}
    with _connected(home, run) as connection:
        connection.send(json.dumps(asked).encode())
        data, control, _, _ = connection.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(array.array("i").itemsize))
        fds = array.array("i")
        for level, kind, content in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(content)
        _parsed(data)
        connection.setblocking(False)
        code = asyncio.run(_attached(connection, fds[0]))
    return code if code >= 0 else 128 - code


async def _attached(connection: socket.socket, master_fd: int) -> int:
    async def ended() -> int:
        answer = _parsed(await asyncio.get_running_loop().sock_recv(connection, _MESSAGE_BYTES))
        return int(str(answer["code"]))

    try:
        return await attach(master_fd, 0, ended())
    finally:
        os.close(master_fd)


def _runs(home: str) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(os.listdir(os.path.join(home, FOLDER)))
    return []


def _asked(home: str, run: str, request: dict[str, object]) -> dict[str, object]:
    with _connected(home, run) as connection:
        connection.settimeout(_PATIENCE_S)
        try:
            connection.send(json.dumps(request).encode())
            return _parsed(connection.recv(_MESSAGE_BYTES))
        except OSError as error:
            raise FarmError("the run does not answer", f"{run}: {error}") from error


@contextlib.contextmanager
def _connected(home: str, run: str) -> Iterator[socket.socket]:
    """A connection to ``run``; the socket of one that was killed is removed."""
    path = os.path.join(home, FOLDER, run)
    fd = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        try:
            connection.connect(address(path, fd))
        except OSError as error:
            if isinstance(error, ConnectionRefusedError):
                with contextlib.suppress(OSError):
                    os.unlink(path)
            raise FarmError("the run has ended", run) from error
        finally:
            os.close(fd)
        yield connection


def _parsed(data: bytes) -> dict[str, object]:
    """An answer. Raises ``FarmError`` where it is one, or there is none: the run has ended."""
    if not data:
        raise FarmError("the run has ended")
    answer = json.loads(data)
    if "error" in answer:
        raise FarmError(*answer["error"])
    return dict(answer)


def _jobs(answer: dict[str, object]) -> tuple[str, ...]:
    jobs = answer.get("jobs")
    return tuple(map(str, jobs)) if isinstance(jobs, list) else ()
