"""The zygote: a small, single-threaded process that makes containers, watches them end, and cleans up after them.

It is a separate interpreter (``python -I -S``) because its whole memory is copied for every container: it imports
nothing that it does not need. It ends when its socket closes, which the kernel does for the orchestrator even on SIGKILL; every
container dies with it (parent-death signal), and it removes its control groups before it goes.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence

from farm.cgroup import detect
from farm.cgroup.base import Manager
from farm.container import init
from farm.errors import KernelError
from farm.kernel import proc, process, sockets
from farm.kernel.userns import IdMap
from farm.launcher import ground, protocol
from farm.launcher.birth import Child, give_birth

_TICK_S = 0.02  # a group's last exit may lag behind its last process by as much
_SETTLING_S = 0.5


class Zygote:
    """The loop. Owns its socket, the groups' manager and all children."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._epoll = select.epoll()
        self._epoll.register(client, select.EPOLLIN)
        self._children: dict[int, Child] = {}  # by container id
        self._by_fd: dict[int, Child] = {}  # by pidfd and by control socket
        self._failures: dict[int, protocol.Message] = {}
        self._statuses: dict[int, int] = {}
        self._filters: dict[int, bytes] = {}
        self._manager: Manager | None = None
        self._ground: ground.Ground | None = None
        self._settling_until_s = 0.0

    def serve(self) -> None:
        """Until the client is gone."""
        while True:
            for fd, _ in self._epoll.poll(self._patience_s()):
                if fd == self._client.fileno():
                    if not self._hear():
                        return
                else:
                    child = self._by_fd.get(fd)
                    if child is not None:
                        self._attend(child, fd)
            if self._manager is not None and self._settling_until_s:
                self._manager.sweep()

    def _patience_s(self) -> float:
        """How long to wait for events: for ever, but for a while after a group was released."""
        if self._settling_until_s < time.monotonic():
            self._settling_until_s = 0.0
            return -1.0
        return _TICK_S

    def close(self) -> None:
        """Kill what still runs, wait for it, remove the groups."""
        for child in tuple(self._children.values()):
            _kill(child)
        for child in tuple(self._children.values()):
            os.waitpid(child.pid, 0)
            self._forget(child)
        if self._manager is not None:
            self._manager.close()

    def _hear(self) -> bool:
        data, descriptors = sockets.receive(self._client, protocol.MESSAGE_BYTES, protocol.MOST_DESCRIPTORS)
        if not data:
            return False
        message = protocol.decode(data)
        try:
            self._obey(message, descriptors)
        finally:
            for fd in descriptors:
                os.close(fd)
        return True

    def _obey(self, message: protocol.Message, descriptors: tuple[int, ...]) -> None:
        op = message["op"]
        if op == "configure":
            self._configure(message)
        elif op == "filter":
            self._filters[message["id"]] = base64.b64decode(message["bpf"])
        elif op == "launch":
            self._launch(message, descriptors)
        else:
            child = self._children.get(message["id"])
            if child is None:
                return  # it ended while the message was on its way
            if op == "kill":
                _kill(child)
            elif op == "freeze":
                child.group.freeze(frozen=message["frozen"])
            else:
                _forward(child, message, descriptors)

    def _configure(self, message: protocol.Message) -> None:
        step = "sweep cgroups of dead runs"
        try:
            detect.sweep_dead()
            step = "make cgroups"
            self._manager = manager = detect.open_hierarchies(f"farm/{message['run']}")
            step = "prepare the zygote's root"
            binds = tuple(each.mount_point for each in proc.mounts() if each.fstype in ("cgroup", "cgroup2"))
            id_map = IdMap(**message["id_map"]) if message["id_map"] else None
            self._ground = ground.prepare(tuple(message["views"]), id_map, manager.mode == "v2", binds)
        except OSError as error:
            self._say("unready", init.failure(step, error))
            return
        gc.freeze()
        self._say(
            "ready",
            {
                "cgroup": manager.mode,
                "user_namespace": self._ground.userns_fd >= 0,
                "warnings": [*self._ground.warnings, *manager.missing],
            },
        )

    def _launch(self, message: protocol.Message, descriptors: tuple[int, ...]) -> None:
        container_id = message["id"]
        assert self._manager is not None
        assert self._ground is not None
        spec = protocol.spec_from_wire(message["spec"])
        step, group = "make cgroup", None
        try:
            group = self._manager.acquire(spec.limits)
            step = "clone3"
            child = give_birth(container_id, spec, self._ground, group, self._filters, descriptors)
        except OSError as error:
            if group is not None:
                self._manager.release(group)
            self._say_ended(container_id, failure=init.failure(step, error))
            return
        self._children[container_id] = child
        for fd in (child.pidfd, child.control.fileno()):
            self._by_fd[fd] = child
            self._epoll.register(fd, select.EPOLLIN)

    def _attend(self, child: Child, fd: int) -> None:
        if fd == child.pidfd:
            # What PID 1 said last is still in the socket.
            while self._listen(child):
                pass
            self._bury(child)
        elif not self._listen(child):
            self._epoll.unregister(fd)
            del self._by_fd[fd]

    def _listen(self, child: Child) -> bool:
        """Pass on one message of PID 1; False when there is none left."""
        try:
            data, descriptors = sockets.receive(child.control, protocol.MESSAGE_BYTES, 1, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionResetError):
            return False
        if not data:
            return False
        message = json.loads(data)
        if message["op"] == "failed" and message["number"] == 0:
            self._failures[child.container_id] = message
        elif message["op"] == "exited" and message["number"] == 0:
            self._statuses[child.container_id] = message["status"]
        self._say(message["op"], {**message, "id": child.container_id, "at": time.monotonic()}, descriptors)
        for fd in descriptors:
            os.close(fd)
        return True

    def _bury(self, child: Child) -> None:
        """PID 1 is a zombie, so everything in its pid namespace is gone: reap, count, clean, tell."""
        _, init_status = os.waitpid(child.pid, 0)
        usage = child.group.usage()
        failure = self._failures.pop(child.container_id, None)
        status = self._statuses.pop(child.container_id, None)
        self._forget(child)
        self._say_ended(
            child.container_id,
            failure=failure,
            status=status,
            init_status=init_status,
            usage={name: getattr(usage, name) for name in usage.__slots__},
        )

    def _say_ended(self, container_id: int, **fields: object) -> None:
        nothing: dict[str, object] = {"status": None, "init_status": None, "usage": {}, "failure": None}
        self._say("ended", {**nothing, **fields, "id": container_id, "at": time.monotonic()})

    def _forget(self, child: Child) -> None:
        for fd in (child.pidfd, child.control.fileno()):
            if self._by_fd.pop(fd, None) is not None:
                self._epoll.unregister(fd)
        os.close(child.pidfd)
        child.control.close()
        del self._children[child.container_id]
        if self._manager is not None:
            self._manager.release(child.group)
            self._settling_until_s = time.monotonic() + _SETTLING_S

    def _say(self, op: str, fields: Mapping[str, object], descriptors: Sequence[int] = ()) -> None:
        data = protocol.encode(op, fields)
        try:
            if descriptors:
                socket.send_fds(self._client, [data], list(descriptors))
            else:
                self._client.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client is gone: the loop reads the end of its messages next


def _kill(child: Child) -> None:
    """SIGKILL to PID 1 takes the whole pid namespace along; a frozen group would not notice, so it is thawed."""
    try:
        signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        child.group.freeze(frozen=False)
    except ProcessLookupError:
        pass


def _forward(child: Child, message: protocol.Message, descriptors: tuple[int, ...]) -> None:
    data = json.dumps(message).encode()
    try:
        if descriptors:
            socket.send_fds(child.control, [data], list(descriptors))
        else:
            child.control.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass  # PID 1 is gone; its end is about to be told


def main() -> None:
    """Entry point of the process; its socket is descriptor 0."""
    process.set_name("farm-zygote")
    process.set_title("farm-zygote")
    client = socket.socket(fileno=os.dup(0))
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    zygote = Zygote(client)
    try:
        zygote.serve()
    except KernelError as error:
        sys.stderr.write(f"farm zygote: {error}\n")
    finally:
        zygote.close()
