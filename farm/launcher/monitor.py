"""Who waits for a command that is PID 1 itself (``init: none``): its parent, outside of its namespaces.

Elsewhere PID 1 reports how the command ended. Here the command has taken its place, and the zygote waits for nobody. So a
copy of the zygote makes the container, stays, and speaks over the container's socket in PID 1's stead, as
``farm.container.init`` describes: it passes signals on and reports the wait status. No process inside has a number for it.

The command may do away with its own parent-death signal. So it is not the death of this process that ends it: when the
socket closes, which the kernel does for the orchestrator even on SIGKILL, everything is killed through the pidfd.
"""

from __future__ import annotations

import gc
import marshal
import os
import select
import time

from farm.container import numbers
from farm.kernel import process, signals, sockets
from farm.kernel.seccomp import Filter
from farm.launcher import birth, wire

_MESSAGE_BYTES = 1 << 20


def live(
    number: int,
    wanted: tuple[int, int],
    order: tuple[memoryview, memoryview],
    client: sockets.Socket,
    inherited: tuple[dict[int, Filter], tuple[int, int]],
) -> None:
    """The whole life of the monitor. Never returns, never raises.

    ``wanted`` are the container's namespaces and the descriptor of its control group, or -1; ``inherited`` is the rest of what
    ``birth.live`` takes.
    """
    try:
        gc.disable()
        signals.default(signals.SIGCHLD)  # what the zygote ignores, the kernel would reap before we could ask
        namespaces, cgroup_fd = wanted
        try:
            pid, pidfd = process.clone3(namespaces, exit_signal=signals.SIGCHLD, cgroup_fd=cgroup_fd)
        except OSError as error:
            sockets.send(client, wire.text(wire.STILLBORN, number, *wire.told(error)))
            return
        if pid == 0:
            birth.live(order, *inherited)
        process.set_name("farm-monitor")
        process.set_title(inherited[-1], "farm-monitor")
        try:
            sockets.send(client, wire.born(number), (pidfd,))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the orchestrator is gone: its end of the other socket tells as well
        process.close_all_but((numbers.CONTROL, pidfd))
        _watch(sockets.Socket(fileno=numbers.CONTROL), pid, pidfd)
    finally:
        os._exit(0)


def _watch(control: sockets.Socket, pid: int, pidfd: int) -> None:
    poller = select.poll()
    poller.register(control.fileno(), select.POLLIN)
    poller.register(pidfd, select.POLLIN)
    while True:
        for fd, _ in poller.poll():
            if fd == pidfd:
                status = os.waitpid(pid, 0)[1]
                _say(control, "exited", 0, status, time.monotonic())
                return
            data, _ = sockets.receive(control, _MESSAGE_BYTES)
            if not data:
                poller.unregister(control.fileno())
                signals.send(pidfd, signals.SIGKILL)
            else:
                _serve(marshal.loads(data), pid)


def _serve(message: tuple[object, ...], pid: int) -> None:
    """A signal, for the command's process group; nothing else can be done for it."""
    if message[0] != "signal":
        return
    for signum in (int(str(message[2])), signals.SIGCONT):
        try:
            os.killpg(pid, signum)
        except ProcessLookupError:
            pass


def _say(control: sockets.Socket, *fields: object) -> None:
    try:
        sockets.send(control, "\0".join(str(field) for field in fields).encode())
    except (BrokenPipeError, ConnectionResetError):
        pass
