"""A launched container from outside: what it says, how it is signalled, when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import signal
import time
from collections.abc import Callable

from farm.cgroup.base import Group
from farm.container.words import Piece, failed
from farm.kernel import sockets
from farm.launcher.wire import told
from farm.model.job import Failure
from farm.model.limits import Usage
from farm.values import dataclass

_MESSAGE_BYTES = 1 << 16
_MAIN = 0
_ROOT_AND_NAMESPACE = 2


@dataclass(frozen=True, slots=True)
class Message:
    """What PID 1 said: ``op`` is ``started``, ``exited``, ``failed`` or ``stopped``, about command ``number``.

    ``at_s`` is on the monotonic clock; ``status`` is as waitpid(2) gives it, and only of ``exited``.
    """

    op: str
    number: int
    at_s: float = 0.0
    status: int | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The last word on a container: every process of it is gone.

    ``status`` is the main command's wait status, None where it never ran or was lost. ``at_s``, on the monotonic clock, is
    when the command ended, which PID 1 saw however late we are; where it did not say so, when we noticed.
    """

    status: int | None
    usage: Usage
    failure: Failure | None
    at_s: float


class Container:
    """``ended`` resolves once all of it is gone. ``started_s`` is the monotonic time its command started, as far as heard.

    What PID 1 says is read when the container ends, or with ``hear``; for who wants to know at once, see ``listen``:
    thousands of short containers would otherwise each wake the loop three more times. A ``monitored`` one has ended when its
    monitor says no more. Owns the control socket and, from
    ``born`` on, the pidfd of PID 1. ``group`` is lent by the manager, and None where there was none to be had. One that keeps
    its root keeps its group as well, which is charged for what was written, until ``let_go``. ``program`` is what sets it up.
    """

    __slots__ = (
        "_control",
        "_exited",
        "_failure",
        "_heard",
        "_kept",
        "_killed",
        "_loop",
        "_monitored",
        "_over",
        "_pidfd",
        "_was_born",
        "_watched",
        "ended",
        "group",
        "number",
        "program",
        "started_s",
    )

    def __init__(
        self, number: int, control: sockets.Socket, over: Callable[[Container], None], *, monitored: bool = False
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.number = number
        self._control = control
        self._pidfd = -1
        self._was_born = False
        self._watched = False
        self._over = over
        self._monitored = monitored
        self._killed = False
        self._exited: Message | None = None
        self._failure: Failure | None = None
        self._kept: tuple[int, ...] = ()
        self.group: Group | None = None
        self.program: tuple[Piece, ...] = ()
        self.started_s: float | None = None
        self.ended: asyncio.Future[Ended] = self._loop.create_future()
        self._heard: Callable[[Message, tuple[int, ...]], None] | None = None
        control.setblocking(False)

    @property
    def unborn(self) -> bool:
        """The zygote has not made it."""
        return not self._was_born

    @property
    def exited(self) -> bool:
        """The command has ended, as far as heard."""
        return self._exited is not None

    @property
    def memory_bytes(self) -> int | None:
        """What it takes now; None where there is no group that says so, or no longer."""
        try:
            return self.group.memory_bytes() if self.group is not None and not self.ended.done() else None
        except OSError:
            return None

    @property
    def root_fd(self) -> int:
        """The container's root directory, ours until ``let_go``; -1 where it keeps none, or its command never began."""
        return self._kept[0] if self._kept else -1

    def let_go(self) -> None:
        """Let the root of a container that has ended vanish, and give its group back; may be called twice."""
        kept, self._kept = self._kept, ()
        for fd in kept:
            os.close(fd)
        if kept and self.ended.done():  # one that still runs gives its group back when it ends
            self._over(self)

    def listen(self, heard: Callable[[Message, tuple[int, ...]], None]) -> None:
        """Call ``heard`` with everything PID 1 says, as soon as it does; descriptors with it are closed on return."""
        self._heard = heard
        self._watch(self.hear)

    def end_of_command(self, message: Message) -> Ended:
        """What can be said of the command, whose end ``message`` told, while the container is still there."""
        usage = self.group.usage() if self.group is not None else Usage()
        at_s = message.at_s or time.monotonic()
        return Ended(message.status, usage, self._failure or message.failure, at_s)

    def signal(self, signum: int, number: int = _MAIN) -> None:
        """Send ``signum`` to the process group of command ``number``."""
        self._tell("signal", number, int(signum))

    def kill(self) -> None:
        """SIGKILL everything in the container: PID 1 takes the whole pid namespace along."""
        self._killed = True
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self.freeze(frozen=False)  # or a frozen one would not notice

    def freeze(self, *, frozen: bool) -> None:
        """Stop everything in the container, or let it go on."""
        if self.group is not None:
            self.group.freeze(frozen=frozen)

    def release(self) -> None:
        """Let go of a held container whose command has ended."""
        self._tell("release")

    def stop(self) -> None:
        """Stop everything in a held container but PID 1, which says so, and what is spawned from then on."""
        self._tell("stop")

    def sweep(self) -> None:
        """Kill everything in a held container but PID 1."""
        self._tell("sweep")

    def spawn(
        self,
        number: int,
        argv: tuple[str, ...],
        environment: dict[str, str],
        descriptors: tuple[int, ...],
        *,
        directory: str = "/",
        terminal: bytes = b"",
        identity: tuple[int, ...] = (),
    ) -> None:
        """Start a further command; its messages come to who listens. Descriptors stay the caller's."""
        self._tell("spawn", number, argv, environment, directory, terminal, identity, descriptors=descriptors)

    def born(self, pidfd: int) -> None:
        """PID 1 exists; takes over ``pidfd``."""
        self._pidfd = pidfd
        self._was_born = True
        if self._monitored:  # the last word is not PID 1's, and comes after its end
            self._watch(self.hear)
        else:
            self._loop.add_reader(pidfd, self._die)
        if self._killed:
            self.kill()

    def born_unseen(self, failure: Failure) -> None:
        """PID 1 exists, but there is no pidfd of it: let it go, and take the end of its socket for its own."""
        self._was_born = True
        if self._failure is None:
            self._failure = failure
        self._control.shutdown(sockets.SHUT_WR)
        self._watch(self._hear_to_the_end)

    def fail(self, failure: Failure) -> None:
        """There is no such container, or nobody can tell any more: it has ended with ``failure``."""
        if self._failure is None:
            self._failure = failure
        if self._pidfd < 0:
            self._die()

    def hear(self) -> bool:
        """Take in what PID 1 has said so far; False once it can say no more."""
        while True:
            try:
                data, descriptors = sockets.receive(self._control, _MESSAGE_BYTES)
            except BlockingIOError:
                return True
            except ConnectionResetError:
                data, descriptors = b"", ()
            if not data:
                self._unwatch()
                if self._monitored and self._pidfd >= 0:  # nobody watches it any more
                    self.kill()
                    self._loop.add_reader(self._pidfd, self._die)
                return False
            try:
                self._heed(_parsed(data, self.program), descriptors)
            finally:
                for fd in descriptors:
                    os.close(fd)

    def _watch(self, act: Callable[[], object]) -> None:
        """Call ``act`` when something comes over the control socket."""
        self._loop.add_reader(self._control.fileno(), act)
        self._watched = True

    def _unwatch(self) -> None:
        """The opposite; most are never watched, and the loop takes its time to find that out."""
        if self._watched:
            self._loop.remove_reader(self._control.fileno())
            self._watched = False

    def _hear_to_the_end(self) -> None:
        if not self.hear():
            self._die()

    def _heed(self, message: Message, descriptors: tuple[int, ...]) -> None:
        if message.number == _MAIN:
            if message.op == "started":
                self.started_s = message.at_s
                self._kept = tuple(map(os.dup, descriptors)) if len(descriptors) == _ROOT_AND_NAMESPACE else ()
            elif message.op == "exited" and (self._failure is None or not self._monitored):
                self._exited = message  # a monitor does not know whether it was the command that ended
            elif message.op == "failed" and self._failure is None:
                self._failure = message.failure
        if self._heard is not None:
            self._heard(message, descriptors)

    def _die(self) -> None:
        """PID 1 is gone, and with it everything in its pid namespace: hear its last words, count, tell."""
        if self._control.fileno() < 0:
            return  # it has died already
        at_s = time.monotonic()
        usage = Usage()
        try:
            self.hear()
        finally:  # whoever listens may fail, but must not keep the end back
            self._unwatch()
            self._control.close()
            if self._pidfd >= 0:
                self._loop.remove_reader(self._pidfd)
                os.close(self._pidfd)
                self._pidfd = -1
            try:
                if self.group is not None:
                    usage = self.group.usage()
                if not self._kept:
                    self._over(self)
            except OSError as error:
                self._failure = self._failure or Failure("read and free cgroup", *told(error))
            if not self.ended.done():
                status = None
                if self._exited is not None:
                    status, at_s = self._exited.status, min(at_s, self._exited.at_s)
                self.ended.set_result(Ended(status, usage, self._failure, at_s))

    def _tell(
        self, *message: str | int | bytes | tuple[str | int, ...] | dict[str, str], descriptors: tuple[int, ...] = ()
    ) -> None:
        # PID 1 listens all the time, so its socket is never full; and once it is gone there is nobody to be told.
        with contextlib.suppress(OSError):
            sockets.send(self._control, marshal.dumps(message), descriptors)


def _parsed(data: bytes, program: tuple[Piece, ...] = ()) -> Message:
    """A message of PID 1, which is inside the container: what does not look like one is a failure, and nothing else."""
    op, _, rest = data.decode(errors="replace").partition("\0")
    try:
        match op, rest.split("\0"):
            case "started" | "stopped", [number, at_s]:
                return Message(op, int(number), float(at_s))
            case "exited", [number, status, at_s]:
                return Message(op, int(number), float(at_s), int(status))
            case "failed", [number, step, code, message, hint]:
                return Message(op, int(number), failure=Failure(step, message, int(code), hint))
            case "stuck", [number, position, code]:
                step, error = failed(program, int(position), int(code))
                return Message("failed", int(number), failure=Failure(step, *told(error)))
    except (ValueError, IndexError, OverflowError):
        pass
    return Message("failed", 0, failure=Failure("init", f"PID 1 of the container said {data[:80]!r}"))
