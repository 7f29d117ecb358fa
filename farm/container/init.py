"""PID 1 of a container: spawns the command, reaps what is orphaned, reports, and goes when told.

It is a copy of the zygote that has become an unprivileged user of the host. Being PID 1 of a pid namespace, no signal from
inside reaches it that it has no handler for, and when it exits the kernel kills everything else in the namespace before
the zygote is told. It talks over one ``SOCK_SEQPACKET`` socket, whose other end the zygote holds: when that closes, it goes.

Messages are JSON objects with ``op``. In: ``spawn`` (with 0 or 3 descriptors), ``signal``, ``release``. Out: ``started``,
``exited``, ``failed``.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket

from farm.container import command
from farm.errors import KernelError
from farm.kernel import sockets

_MAIN = 0
_MESSAGE_BYTES = 1 << 20
_OOM_FIRST = 500  # so that the kernel picks the command before PID 1, whose death would take its exit status along


class Init:
    """The loop of PID 1. ``control`` is its socket; ``oom_fd`` its own /proc/self/oom_score_adj, opened while it could."""

    def __init__(self, control: socket.socket, oom_fd: int, *, hold: bool) -> None:
        self._control = control
        self._oom_fd = oom_fd
        self._hold = hold
        self._children: dict[int, int] = {}  # pid of a spawned command -> its number
        self._wakeup_read, self._wakeup_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)

    def spawn(
        self,
        number: int,
        argv: list[str],
        environment: dict[str, str],
        directory: str,
        descriptors: tuple[int, ...],
        *,
        terminal: bool = False,
    ) -> None:
        """Start a command in a session of its own and say so; on failure say why. Closes ``descriptors``."""
        master = slave = -1
        try:
            if terminal:
                master, slave = os.openpty()
                # The first terminal that a session leader without one opens becomes its controlling terminal.
                actions: list[tuple[object, ...]] = [(os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0)]
                actions += [(os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
            else:
                actions = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(descriptors)]
            os.chdir(directory)
            try:
                self._set_oom_score(_OOM_FIRST)
                pid = command.spawn(argv, environment, actions)
            finally:
                self._set_oom_score(0)
                os.chdir("/")
            self._children[pid] = number
            self._send({"op": "started", "number": number, "pid": pid}, (master,) if terminal else ())
        except OSError as error:
            step = "working-directory" if error.filename == directory else "exec"
            self._send(failure(step, error) | {"number": number})
        finally:
            for fd in (master, slave, *descriptors):
                if fd >= 0:
                    os.close(fd)

    def loop(self) -> None:
        """Serve until the main command has ended (and, where held, the zygote said to go), or the zygote is gone."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._wakeup_read, select.POLLIN)
        main_running = _MAIN in self._children.values()
        while main_running or self._hold:
            for fd, _ in poller.poll():
                if fd == self._wakeup_read:
                    _drain(fd)
                elif not self._serve():
                    return
            main_running = self._reap() and main_running

    def _serve(self) -> bool:
        """Answer one message; False when the zygote is gone or said to go."""
        data, descriptors = sockets.receive(self._control, _MESSAGE_BYTES, 3)
        if not data:
            return False
        message = json.loads(data)
        if message["op"] == "spawn":
            self.spawn(
                message["number"],
                message["argv"],
                message["environment"],
                message["directory"],
                descriptors,
                terminal=message["terminal"],
            )
        elif message["op"] == "signal":
            self._signal(message["number"], message["signal"])
        return bool(message["op"] != "release")

    def _signal(self, number: int, signum: int) -> None:
        for pid, owner in self._children.items():
            if owner == number:
                # To its whole process group, as a terminal would; and awake, if it is stopped, to be able to act on it.
                for each in (signum, signal.SIGCONT):
                    try:
                        os.killpg(pid, each)
                    except ProcessLookupError:
                        pass

    def _reap(self) -> bool:
        """Take every zombie; False once the main command was among them and everything else has been killed."""
        alive = True
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return alive
            if pid == 0:
                return alive
            number = self._children.pop(pid, None)
            if number is None:
                continue
            if number == _MAIN:
                alive = False
                _kill_all()
            self._send({"op": "exited", "number": number, "status": status})

    def _set_oom_score(self, score: int) -> None:
        if self._oom_fd >= 0:
            os.pwrite(self._oom_fd, str(score).encode(), 0)

    def _send(self, message: dict[str, object], descriptors: tuple[int, ...] = ()) -> None:
        data = json.dumps(message).encode()
        try:
            if descriptors:
                socket.send_fds(self._control, [data], list(descriptors))
            else:
                self._control.send(data)
        except BrokenPipeError:  # the zygote is gone; the loop sees that next
            pass


def failure(step: str, error: OSError) -> dict[str, object]:
    """The message that says which step failed, and the kernel's reason."""
    hint = error.hint if isinstance(error, KernelError) else ""
    return {"op": "failed", "step": step, "errno": error.errno or 0, "message": str(error), "hint": hint}


def _kill_all() -> None:
    try:
        os.kill(-1, signal.SIGKILL)  # from PID 1: everything else in the pid namespace
    except ProcessLookupError:
        pass


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 512):
            pass
    except BlockingIOError:
        pass


def _nothing(_signum: int, _frame: object) -> None:
    """A handler only so that the wakeup descriptor is written to."""
