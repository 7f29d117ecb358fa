"""The zygote: a small process that does nothing but become containers.

Its whole memory is copied for every container, and every page that it or a container touches afterwards is copied once
more. So it is an interpreter of its own (``python -I -S``) that imports next to nothing, knows nothing of the containers
it has made, and does for each as little as can be done: one receive, one clone3, one send. Groups, exit codes and
descriptors are the business of whoever asked (``client``), which nobody copies.

It ends when its socket closes, which the kernel does for the orchestrator even on SIGKILL, and every container dies with
it (parent-death signal). Nobody waits for a container here: SIGCHLD is ignored, so the kernel reaps it at once.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gc
import marshal
import mmap
import os

from farm.container import numbers, setup
from farm.errors import KernelError
from farm.kernel import process, signals, sockets
from farm.kernel.seccomp import Filter
from farm.launcher import birth, ground, monitor, wire


class Zygote:
    """The loop. Owns its socket and the user namespaces."""

    __slots__ = ("_buffer", "_client", "_filters", "_title_area")

    def __init__(self, client: sockets.Socket, title_area: tuple[int, int]) -> None:
        self._client = client
        self._title_area = title_area
        self._buffer = mmap.mmap(-1, wire.MOST_BYTES, mmap.MAP_PRIVATE)  # only what messages fill takes memory
        self._filters: dict[int, Filter] = {}

    def serve(self) -> None:
        """Until the client is gone."""
        buffer = memoryview(self._buffer)
        while True:
            length, descriptors = sockets.receive_into(self._client, self._buffer)
            if not length:
                return
            op = buffer[0]
            if op == wire.LAUNCH:
                self._launch(buffer[:length], descriptors)
            elif op == wire.FILTER:
                number, bpf = marshal.loads(buffer[1:length])
                self._filters[number] = Filter(bpf)
            else:
                self._configure(*marshal.loads(buffer[1:length]))
            for fd in descriptors:
                os.close(fd)

    def _configure(
        self, views: tuple[tuple[str, bool], ...], id_map: tuple[int, int] | None, binds: tuple[str, ...]
    ) -> None:
        try:
            made, reason = ground.prepare(views, id_map, binds)
            userns_fds = tuple(map(_own, made))
            _check_numbers(userns_fds)
            setup.rehearse()
        except OSError as error:
            self._say(wire.UNREADY, *wire.told(error))
            return
        signals.ignore(signals.SIGCHLD)
        signals.ignore(signals.SIGINT)  # PID 1 inherits it: by Python's own handler any container could end its own
        gc.collect()
        gc.freeze()
        buffer = ctypes.c_char.from_buffer(self._buffer)
        self._say(wire.READY, reason, ctypes.addressof(buffer) + wire.DATA_AT, descriptors=userns_fds)

    def _launch(self, message: memoryview, descriptors: tuple[int, ...]) -> None:
        number, in_group, given, no_init, data_bytes, words_bytes = wire.HEAD.unpack_from(message, 1)
        cgroup_fd = descriptors[-1] if in_group else -1
        namespaces = birth.NAMESPACES if given else birth.NAMESPACES | process.CLONE_NEWNET
        words_at = wire.DATA_AT + data_bytes
        order_at = words_at + words_bytes
        order = message[words_at:order_at], message[order_at:]
        if no_init:
            self._launch_monitored(number, namespaces, cgroup_fd, order, descriptors)
            return
        try:
            pid, pidfd = process.clone3(namespaces, exit_signal=signals.SIGCHLD, cgroup_fd=cgroup_fd)
        except OSError as error:
            self._say(wire.STILLBORN, number, *wire.told(error))
            return
        if pid == 0:
            birth.live(order, descriptors, self._filters, self._title_area)
        try:
            self._say(wire.BORN, number, descriptors=(pidfd,))
        finally:
            os.close(pidfd)

    def _launch_monitored(
        self,
        number: int,
        namespaces: int,
        cgroup_fd: int,
        order: tuple[memoryview, memoryview],
        descriptors: tuple[int, ...],
    ) -> None:
        try:
            pid, pidfd = process.clone3(0, exit_signal=signals.SIGCHLD)
        except OSError as error:
            self._say(wire.STILLBORN, number, *wire.told(error))
            return
        if pid == 0:
            inherited = self._filters, self._title_area
            monitor.live(number, namespaces, cgroup_fd, order, descriptors, self._client, inherited)
        os.close(pidfd)

    def _say(self, *fields: object, descriptors: tuple[int, ...] = ()) -> None:
        try:
            sockets.send(self._client, wire.text(*fields), descriptors)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client is gone: the loop reads the end of its messages next


def _own(fd: int) -> int:
    """``fd`` under a number that is out of the way of what comes with requests."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, numbers.OWN)
    os.close(fd)
    return moved


def _check_numbers(userns_fds: tuple[int, ...]) -> None:
    """What is here and what is sent from here on has the numbers that ``numbers`` says. Raises ``KernelError``."""
    lowest = os.dup(0)
    os.close(lowest)
    if (lowest, userns_fds) not in ((numbers.CONTROL, ()), (numbers.CONTROL, numbers.USER_NAMESPACES)):
        raise KernelError(
            "dup", errno.EBUSY, (lowest, *userns_fds), "the zygote has descriptors that it does not know of"
        )


def main() -> None:
    """Entry point of the process; its socket is descriptor 0."""
    for reserved in numbers.RESERVED:
        os.dup2(1, reserved, inheritable=False)
    process.set_name("farm-zygote")
    ground.lift_limits()
    title_area = process.title_area()
    process.set_title(title_area, "farm-zygote")
    client = sockets.Socket(fileno=fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, numbers.OWN))
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    try:
        Zygote(client, title_area).serve()
    except KernelError as error:
        os.write(2, f"farm zygote: {error}\n".encode(errors="replace"))
