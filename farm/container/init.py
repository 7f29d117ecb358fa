"""PID 1 of a container: spawns the command, reaps what is orphaned, reports, and goes when told.

It is a copy of the zygote that has become an unprivileged user of the host. Being PID 1 of a pid namespace, no signal from
inside reaches it that it has no handler for, and when it exits the kernel kills everything else in the namespace before
anybody is told. It talks over one ``SOCK_SEQPACKET`` socket, whose other end the orchestrator holds: when that closes, it
goes.

In come tuples as ``marshal`` writes them, from the farm itself; out goes text, its fields separated by NUL, because whoever
reads it must not believe a container anything:

=======================================================================  =================================
in                                                                       descriptors
=======================================================================  =================================
("spawn", number, argv, environment, directory, terminal, identity)      0 or 3
("signal", number, signal)                                               -
("stop",)                                                                -
("sweep",)                                                               -
("release",)                                                             -
=======================================================================  =================================

=======================================================================  =================================
out                                                                      descriptors
=======================================================================  =================================
started, number, seconds on the monotonic clock                          [terminal's other end,] [root, its namespace]
exited, number, wait status, seconds on the monotonic clock              -
failed, number, step, errno, message, hint                               -
stuck, number, position, errno                                           -
stopped, 0, seconds on the monotonic clock                               -
=======================================================================  =================================

Number 0 is the container's main command. It is stuck where a system call of its set-up failed; see ``setup.StuckError``.

A held container can be frozen: everything but PID 1 is stopped, when the command ends or at the word ``stop``. That is
SIGSTOP, and no freezer of a control group, because PID 1 and what is started to look around go on in the same group; because
nothing has to be thawed for SIGKILL, so that everything still ends with PID 1, as cgroup v1 would not let it; and because
debuggers can attach to what is stopped. ``sweep`` kills everything but PID 1.
"""

from __future__ import annotations

import fcntl
import marshal
import os
import select
import time

from farm.container import command, numbers, socketcall
from farm.errors import KernelError
from farm.kernel import process, signals, sockets

TYPE_CHECKING = False  # typing's own would import typing, into memory that is copied for every container
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

_MAIN = 0
_TIOCSWINSZ = 0x5414
_MESSAGE_BYTES = 1 << 20
_SIGINFO_BYTES = 128  # struct signalfd_siginfo
_STOP_ROUNDS = 3  # a process that has not stopped yet may wake one that has
_STOP_ROUND_S = 0.002
_OOM_FIRST = 500  # so that the kernel picks the command before PID 1, whose death would take its exit status along


class Init:
    """The loop of PID 1, which has the descriptors of ``numbers``; ``listener_fd`` besides, or -1, which it owns."""

    __slots__ = ("_children", "_freeze", "_hold", "_listener_fd", "_stopped")

    def __init__(self, listener_fd: int = -1) -> None:
        self._listener_fd = listener_fd
        self._hold = self._freeze = self._stopped = False
        self._children: dict[int, int] = {}  # pid of a spawned command -> its number

    def spawn(
        self,
        number: int,
        argv: tuple[str, ...],
        environment: dict[str, str],
        directory: str,
        terminal: bytes,
        identity: tuple[int, ...],
        descriptors: Sequence[int],
        direct: tuple[str, ...] = (),
        root: tuple[int, ...] = (),
    ) -> None:
        """Start a command in a session of its own and say so; on failure say why. Closes ``descriptors``.

        ``identity`` is the uid, the gid and further groups that it has, empty for ours: root's. ``direct`` is tried in place
        of ``argv`` first, and its failure is nobody's business. ``root`` goes along with the good news, and is closed.
        """
        master = slave = -1
        try:
            if terminal:
                master, slave = os.openpty()
                fcntl.ioctl(slave, _TIOCSWINSZ, terminal)  # before the command can look
                if identity:
                    os.fchown(slave, identity[0], -1)  # who could not open it otherwise
                # The first terminal that a session leader without one opens becomes its controlling terminal.
                actions: list[tuple[object, ...]] = [(os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0)]
                actions += [(os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
            else:
                actions = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(descriptors)]
            command.enter(directory)
            try:
                self._set_oom_score(_OOM_FIRST)
                if identity:
                    process.lend(*identity)
                at_s = time.monotonic()  # not after: when this process runs again the command may be over
                pid = _first(direct, environment, actions) or command.spawn(argv, environment, actions)
            finally:
                if identity:
                    process.lend(0, 0)
                self._set_oom_score(0)
                os.chdir("/")
            self._children[pid] = number
            self._say("started", number, at_s, descriptors=((master,) if terminal else ()) + root)
        except OSError as error:
            step = "working-directory" if isinstance(error, KernelError) and error.call == "chdir" else "exec"
            self.say_failed(number, step, error)
        finally:
            for fd in (master, slave, *descriptors, *root):
                if fd >= 0:
                    os.close(fd)

    def become(
        self,
        argv: tuple[str, ...],
        environment: dict[str, str],
        directory: str,
        identity: tuple[int, ...],
        direct: tuple[str, ...],
        root: tuple[int, ...],
    ) -> NoReturn:
        """Be the command from here on, and say so before; on failure say why, and end. Fields are as of ``spawn``."""
        try:
            command.enter(directory)
            self._set_oom_score(_OOM_FIRST)
            os.setsid()
            for target, fd in enumerate(numbers.STDIO):
                os.dup2(fd, target)
            if identity:
                process.become(identity[0], identity[1], identity[2:])
                process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)  # which that has cleared
            signals.default(*signals.settable())
            signals.unblock()
            self._say("started", _MAIN, time.monotonic(), descriptors=root)
            process.close_all_but((0, 1, 2, numbers.CONTROL))
            command.replace(argv, environment, direct)
        except OSError as error:
            step = "working-directory" if isinstance(error, KernelError) and error.call == "chdir" else "exec"
            self.say_failed(_MAIN, step, error)
        finally:
            os._exit(1)

    def open_root(self) -> tuple[int, ...]:
        """Descriptors of the root directory and of the mount namespace; the caller closes them.

        Whoever holds both sees all of the container's files, mounts below the root included, also when it has ended.
        """
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return root, os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)

    def loop(self, *, hold: bool, freeze: bool) -> None:
        """Serve until the main command has ended (and, where ``hold``, somebody said to go), or nobody is there.

        With ``freeze`` what it leaves running is stopped then, not killed.
        """
        self._hold, self._freeze = hold, freeze
        events = select.epoll.fromfd(numbers.EVENTS)
        if self._listener_fd >= 0:
            events.register(self._listener_fd, select.EPOLLIN)
        main_running = _MAIN in self._children.values()
        while main_running or self._hold:
            for fd, _ in events.poll():
                if fd == numbers.CHILDREN:
                    os.read(fd, _SIGINFO_BYTES)  # that there was one is all there is to it, however many have ended
                elif fd == numbers.CONTROL:
                    if not self._serve():
                        return
                else:
                    socketcall.answer(fd)
            main_running = self._reap() and main_running

    def _serve(self) -> bool:
        """Answer one message; False when nobody is there or said to go."""
        control = sockets.Socket(fileno=numbers.CONTROL)
        try:
            data, descriptors = sockets.receive(control, _MESSAGE_BYTES)
        finally:
            control.detach()
        if not data:
            return False
        op, *fields = marshal.loads(data)
        if op == "spawn":
            number, argv, environment, directory, terminal, identity = fields
            self.spawn(number, argv, environment, directory, terminal, identity, descriptors)
        elif op == "signal":
            self._signal(*fields)
        elif op == "stop":
            self._stop()
            self._say("stopped", _MAIN, time.monotonic())
        elif op == "sweep":
            _kill_all()
        return bool(op != "release")

    def _signal(self, number: int, signum: int) -> None:
        for pid, owner in self._children.items():
            if owner == number:
                # To its whole process group, as a terminal would; and awake, if it is stopped, to be able to act on it.
                for each in (signum, signals.SIGCONT):
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
            at_s = time.monotonic()
            if number == _MAIN and self._hold:
                alive = False
                if not self._freeze:
                    _kill_all()
                elif not self._stopped:  # by now somebody may be looking around in here
                    self._stop()
            self._say("exited", number, status, at_s)
            if number == _MAIN and not self._hold:
                return False  # the end of PID 1 ends everything else

    def _stop(self) -> None:
        """Stop everything else in the pid namespace; what is started from now on goes on.

        A process that forks meanwhile is no way out: kill(2) finds the child, or the fork finds the signal.
        """
        self._stopped = True
        for _ in range(_STOP_ROUNDS):
            try:
                os.kill(-1, signals.SIGSTOP)
            except ProcessLookupError:
                return
            time.sleep(_STOP_ROUND_S)

    def _set_oom_score(self, score: int) -> None:
        os.pwrite(numbers.OOM, str(score).encode(), 0)

    def say_failed(self, number: int, step: str, error: BaseException) -> None:
        """Say which step of command ``number`` failed, and the kernel's reason."""
        hint = error.hint if isinstance(error, KernelError) else ""
        code = error.errno or 0 if isinstance(error, OSError) else 0
        self._say("failed", number, step, code, error, hint)

    def say_stuck(self, position: int, number: int) -> None:
        """Say which system call of the set-up failed, and with which errno."""
        self._say("stuck", _MAIN, position, number)

    def _say(self, *fields: object, descriptors: tuple[int, ...] = ()) -> None:
        data = "\0".join(map(str, fields)).encode(errors="replace")
        try:
            if not descriptors:
                os.write(numbers.CONTROL, data)
                return
            control = sockets.Socket(fileno=numbers.CONTROL)
            try:
                sockets.send(control, data, descriptors)
            finally:
                control.detach()
        except BrokenPipeError:  # nobody listens any more; the loop sees that next
            pass


def _first(direct: tuple[str, ...], environment: dict[str, str], actions: list[tuple[object, ...]]) -> int:
    """The pid of ``direct``, 0 where there is none."""
    try:
        return command.spawn(direct, environment, actions) if direct else 0
    except KernelError:
        return 0


def _kill_all() -> None:
    try:
        os.kill(-1, signals.SIGKILL)  # from PID 1: everything else in the pid namespace
    except ProcessLookupError:
        pass
