"""The zygote: a small process that does nothing but become containers.

Its whole memory is copied for every container, and every page that it or a container touches afterwards is copied once
more. So it is an interpreter of its own (``python -I -S``) that imports next to nothing, knows nothing of the containers
it has made, and does for each as little as can be done: one receive, one clone3, one send. Groups, exit codes and
descriptors are the business of whoever asked (``client``), which nobody copies.

It ends when its socket closes, which the kernel does for the orchestrator even on SIGKILL, and every container dies with
it (parent-death signal). Nobody waits for a container here: SIGCHLD is ignored, so the kernel reaps it at once.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import marshal
import mmap
import os

from farm.container import numbers, setup
from farm.errors import KernelError
from farm.kernel import mailbox, process, signals, sockets
from farm.kernel.seccomp import Filter
from farm.launcher import birth, ground, monitor, wire


class Zygote:
    """The loop. Owns its socket and the user namespaces."""

    __slots__ = ("_buffer", "_client", "_cloner", "_filters", "_inbox", "_message", "_outbox", "_title_area")

    def __init__(self, client: sockets.Socket, title_area: tuple[int, int]) -> None:
        self._client = client
        self._title_area = title_area
        self._buffer = mmap.mmap(-1, wire.MOST_BYTES, mmap.MAP_PRIVATE)  # only what messages fill takes memory
        self._message = memoryview(self._buffer)
        self._inbox = mailbox.Inbox(client.fileno(), self._buffer)
        self._outbox = mailbox.Outbox(client.fileno())
        self._cloner = process.Cloner(signals.SIGCHLD)
        self._filters: dict[int, Filter] = {}

    def serve(self) -> None:
        """Until the client is gone."""
        while length := self._inbox.receive():
            op = self._message[0]
            if op == wire.LAUNCH:
                self._launch(length)
                process.close_range(numbers.CONTROL, numbers.OWN - 1)
            elif op == wire.FILTER:
                number, bpf = marshal.loads(self._message[1:length])
                self._filters[number] = Filter(bpf)
            else:
                self._configure(*marshal.loads(self._message[1:length]))

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
        self._say(wire.READY, reason, self._inbox.address + wire.DATA_AT, descriptors=userns_fds)

    def _launch(self, length: int) -> None:
        """Make a container. All in one place and of few objects, for each that is looked at is copied with its page."""
        number, cgroup_fd, given, no_init, data_bytes, words_bytes = wire.HEAD.unpack_from(self._buffer, 1)
        namespaces = birth.NAMESPACES if given else birth.NAMESPACES | process.CLONE_NEWNET
        try:
            # One that is PID 1 itself is made by a copy of this process, which stays.
            pid = self._cloner.clone(0 if no_init else namespaces, -1 if no_init else cgroup_fd)
        except OSError as error:
            self._say(wire.STILLBORN, number, *wire.told(error))
            return
        if pid == 0:
            words_at = wire.DATA_AT + data_bytes
            order_at = words_at + words_bytes
            order = self._message[words_at:order_at], self._message[order_at:length]
            if no_init:
                monitor.live(number, (namespaces, cgroup_fd), order, self._client, (self._filters, self._title_area))
            birth.live(order, self._filters, self._title_area)
        pidfd = self._cloner.pidfd
        if not no_init:
            try:
                self._outbox.send(wire.born(number), pidfd)
            except OSError as error:
                if error.errno not in (errno.EPIPE, errno.ECONNRESET):  # the client is gone: the loop sees that next
                    raise
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
    while os.open("/dev/null", os.O_RDWR) < numbers.SLOT:
        pass  # whoever started the farm may have closed some of the first three
    for reserved in numbers.RESERVED[1:]:
        os.dup2(numbers.SLOT, reserved, inheritable=False)
    process.set_name("farm-zygote")
    ground.lift_limits()
    title_area = process.title_area()
    process.set_title(title_area, "farm-zygote")
    client = sockets.Socket(fileno=fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, numbers.OWN))
    os.dup2(numbers.SLOT, 0)
    try:
        Zygote(client, title_area).serve()
    except KernelError as error:
        os.write(2, f"farm zygote: {error}\n".encode(errors="replace"))
