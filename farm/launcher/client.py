"""The engine's side of the zygote: starts it, sends it requests, hands its answers to whoever waits for them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from farm.container.spec import ContainerSpec
from farm.errors import FarmError
from farm.kernel import sockets
from farm.kernel.userns import IdMap
from farm.launcher import protocol
from farm.model.job import Failure
from farm.model.limits import Usage

_BUFFER_BYTES = 4 << 20
_FAREWELL_S = 10.0
_NO_ENVIRONMENT: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Ready:
    """What the zygote found on this host."""

    cgroup: str
    user_namespace: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The last word on a container. ``status`` is the main command's wait status, None where it never ran or was lost.

    ``init_status`` is that of PID 1; ``at_s`` is on the monotonic clock.
    """

    status: int | None
    init_status: int | None
    usage: Usage
    failure: Failure | None
    at_s: float


class Container:
    """A launched container. ``started`` resolves to the monotonic time its command started, or is cancelled; ``ended``
    resolves once every process of it is gone."""

    __slots__ = ("_client", "_id", "ended", "on_message", "started")

    def __init__(self, client: Client, container_id: int) -> None:
        loop = asyncio.get_running_loop()
        self._client = client
        self._id = container_id
        self.started: asyncio.Future[float] = loop.create_future()
        self.ended: asyncio.Future[Ended] = loop.create_future()
        self.on_message: Callable[[protocol.Message, tuple[int, ...]], None] | None = None

    def signal(self, signum: int, number: int = 0) -> None:
        """Send ``signum`` to the process group of command ``number``."""
        self._client.send("signal", id=self._id, number=number, signal=signum)

    def kill(self) -> None:
        """SIGKILL everything in the container."""
        self._client.send("kill", id=self._id)

    def freeze(self, *, frozen: bool) -> None:
        """Stop everything in the container, or let it go on."""
        self._client.send("freeze", id=self._id, frozen=frozen)

    def release(self) -> None:
        """Let go of a held container whose command has ended."""
        self._client.send("release", id=self._id)

    def spawn(
        self,
        number: int,
        argv: tuple[str, ...],
        environment: dict[str, str],
        descriptors: tuple[int, ...],
        *,
        directory: str = "/",
        terminal: bool = False,
    ) -> None:
        """Start a further command; its ``started`` and ``exited`` come to ``on_message``. Descriptors stay the caller's."""
        self._client.send(
            "spawn",
            descriptors,
            id=self._id,
            number=number,
            argv=argv,
            environment=environment,
            directory=directory,
            terminal=terminal,
        )


class Client:
    """One zygote. Not thread-safe: everything on the loop that called ``start``."""

    def __init__(self, run: str, views: tuple[str, ...], id_map: IdMap | None) -> None:
        self._run = run
        self._views = views
        self._id_map = id_map
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._containers: dict[int, Container] = {}
        self._next_id = 1
        self._ready: asyncio.Future[Ready] | None = None
        self._backlog: list[tuple[bytes, tuple[int, ...]]] = []

    @property
    def alive(self) -> bool:
        """The zygote can be asked for containers."""
        return self._socket is not None

    async def start(self) -> Ready:
        """Start the zygote. Raises ``FarmError`` where this host cannot run containers, naming the step."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            code = f"import sys; sys.path.insert(0, {folder!r}); from farm.launcher.zygote import main; main()"
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", code],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_NO_ENVIRONMENT,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is the orchestrator's to act on
            )
        ours.setblocking(False)
        self._socket = ours
        self._ready = loop.create_future()
        loop.add_reader(ours, self._receive)
        id_map = {"base": self._id_map.base, "count": self._id_map.count} if self._id_map else None
        self.send("configure", run=self._run, views=self._views, id_map=id_map)
        return await self._ready

    def add_filter(self, filter_id: int, bpf: bytes) -> None:
        """Let specs name the seccomp program ``bpf`` as ``filter_id``."""
        self.send("filter", id=filter_id, bpf=base64.b64encode(bpf).decode())

    def launch(self, spec: ContainerSpec, descriptors: tuple[int, ...]) -> Container:
        """Ask for a container; ``descriptors`` (see ``protocol``) stay the caller's and may be closed at once."""
        container = Container(self, self._next_id)
        self._containers[self._next_id] = container
        self.send("launch", descriptors, id=self._next_id, spec=protocol.spec_to_wire(spec))
        self._next_id += 1
        return container

    def send(self, op: str, descriptors: tuple[int, ...] = (), **fields: object) -> None:
        """Send a message, now or as soon as the socket takes it. To a dead zygote: nothing happens."""
        if self._socket is None:
            return
        data = protocol.encode(op, fields)
        if self._backlog or not self._try_send(data, descriptors):
            self._backlog.append((data, tuple(os.dup(fd) for fd in descriptors)))
            asyncio.get_running_loop().add_writer(self._socket, self._flush)

    async def close(self) -> None:
        """End the zygote: it kills its containers, removes its groups and exits."""
        if self._socket is not None:
            self._hang_up()
        process, self._process = self._process, None
        if process is not None:
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(None, process.wait, _FAREWELL_S)
            except subprocess.TimeoutExpired:
                process.kill()  # the containers die with it; the next run removes their groups
                process.wait()

    def _try_send(self, data: bytes, descriptors: tuple[int, ...]) -> bool:
        assert self._socket is not None
        try:
            if descriptors:
                socket.send_fds(self._socket, [data], list(descriptors))
            else:
                self._socket.send(data)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            self._hang_up()
        return True

    def _flush(self) -> None:
        while self._backlog and self._socket is not None:
            data, descriptors = self._backlog[0]
            if not self._try_send(data, descriptors):
                return
            self._backlog.pop(0)
            for fd in descriptors:
                os.close(fd)
        if self._socket is not None:
            asyncio.get_running_loop().remove_writer(self._socket)

    def _receive(self) -> None:
        while self._socket is not None:
            try:
                data, descriptors = sockets.receive(self._socket, protocol.MESSAGE_BYTES, 1)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data, descriptors = b"", ()
            if not data:
                self._hang_up()
                return
            try:
                self._handle(protocol.decode(data), descriptors)
            finally:
                for fd in descriptors:
                    with contextlib.suppress(OSError):
                        os.close(fd)

    def _handle(self, message: protocol.Message, descriptors: tuple[int, ...]) -> None:
        op = message["op"]
        if op == "ready" and self._ready is not None:
            self._ready.set_result(Ready(message["cgroup"], message["user_namespace"], tuple(message["warnings"])))
        elif op == "unready" and self._ready is not None:
            self._ready.set_exception(
                FarmError(
                    "this host cannot run containers", f"{message['step']}: {message['message']}", message["hint"]
                )
            )
        elif op == "ended":
            container = self._containers.pop(message["id"], None)
            if container is not None and not container.ended.done():
                container.ended.set_result(_ended(message))
                container.started.cancel()
        else:
            container = self._containers.get(message["id"])
            if container is None:
                return
            if op == "started" and message["number"] == 0 and not container.started.done():
                container.started.set_result(message["at"])
            if container.on_message is not None:
                container.on_message(message, descriptors)

    def _hang_up(self) -> None:
        """The zygote is gone or no longer wanted: whatever is still waited for has ended with it."""
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        self._socket.close()
        self._socket = None
        for _, descriptors in self._backlog:
            for fd in descriptors:
                os.close(fd)
        self._backlog.clear()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(
                FarmError("the zygote ended before it was ready", "", "look above for its last words")
            )
        lost = Failure("zygote", "the process that makes containers ended, and every container with it")
        for container in self._containers.values():
            if not container.ended.done():
                container.ended.set_result(Ended(None, None, Usage(), lost, loop.time()))
                container.started.cancel()
        self._containers.clear()


def _ended(message: protocol.Message) -> Ended:
    failure = message["failure"]
    return Ended(
        status=message["status"],
        init_status=message.get("init_status"),
        usage=Usage(**message["usage"]),
        failure=Failure(failure["step"], failure["message"], failure["errno"], failure["hint"]) if failure else None,
        at_s=message["at"],
    )
