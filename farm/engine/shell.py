"""An interactive command in a container, on the caller's terminal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import signal
import termios
import tty
from collections.abc import Awaitable, Iterator

from farm.container.spec import ContainerSpec
from farm.engine import abi
from farm.errors import FarmError
from farm.kernel import capability
from farm.kernel.userns import IdMap
from farm.launcher.client import Client
from farm.launcher.container import Ended, Message
from farm.launcher.filter import compile_filter
from farm.model.distro import Image
from farm.model.limits import Limits

_CHUNK_BYTES = 1 << 16
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


async def run_shell(
    run_id: str,
    image: Image,
    argv: tuple[str, ...],
    views: tuple[str, ...],
    id_map: IdMap | None,
    *,
    hostname: str,
    limits: Limits,
    terminal_fd: int = 0,
) -> int:
    """Run ``argv`` on ``image`` with the terminal ``terminal_fd``; its exit code, negative for a signal.

    The terminal is raw meanwhile and restored whatever happens. Raises ``FarmError`` where ``terminal_fd`` is none, or the
    container cannot be made.
    """
    if not os.isatty(terminal_fd):
        raise FarmError("farm shell needs a terminal", "standard input is none", "use farm run for commands in scripts")
    client = Client(run_id, views, id_map)
    null_fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        await client.start()
        kept = capability.mask(capability.DEFAULT)
        client.add_filter(1, compile_filter(kept))
        environment = {"PATH": _PATH, "HOME": "/root", "TERM": os.environ.get("TERM", "dumb"), "FARM_RUN": run_id}
        spec = ContainerSpec(
            overlays=image.overlays,
            argv=argv,
            environment=tuple(environment.items()),
            hostname=hostname,
            limits=limits,
            capabilities=kept,
            filter_id=1,
            personality=abi.personality(image.facts.arch),
            terminal=size(terminal_fd),
        )
        container = client.launch(spec, (null_fd, null_fd, null_fd))
        with _Relay(terminal_fd) as relay:
            container.listen(relay.on_message)
            ended = await asyncio.shield(container.ended)  # who gives up waiting must not take it from the client
            relay.drain()
    finally:
        await client.close()
        os.close(null_fd)
    return _exit_code(ended)


async def attach(master_fd: int, terminal_fd: int, ended: Awaitable[int]) -> int:
    """Relay between ``master_fd``, a terminal's other end, and ``terminal_fd`` until ``ended``; what that gives.

    ``master_fd`` stays the caller's. The terminal is raw meanwhile and restored whatever happens.
    """
    with _Relay(terminal_fd) as relay:
        relay.attach(master_fd)
        code = await ended
        relay.drain()
    return code


class _Relay:
    """Carries bytes between the caller's terminal and the container's, and the window's size. Owns the latter."""

    def __init__(self, terminal_fd: int) -> None:
        self._terminal_fd = terminal_fd
        self._master_fd = -1
        self._loop = asyncio.get_running_loop()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _Relay:
        self._stack.enter_context(_raw(self._terminal_fd))
        return self

    def __exit__(self, *_: object) -> None:
        if self._master_fd >= 0:
            self._loop.remove_reader(self._terminal_fd)
            self._loop.remove_reader(self._master_fd)
            self._loop.remove_writer(self._master_fd)
            self._loop.remove_signal_handler(signal.SIGWINCH)
            os.close(self._master_fd)
            self._master_fd = -1
        self._stack.close()

    def on_message(self, message: Message, descriptors: tuple[int, ...]) -> None:
        """Take the other end of the container's terminal when its command starts."""
        if message.op == "started" and descriptors:
            self.attach(descriptors[0])

    def attach(self, master_fd: int) -> None:
        """Relay from and to a copy of ``master_fd`` from now on."""
        self._master_fd = os.dup(master_fd)
        os.set_blocking(self._master_fd, False)
        self._resize()
        self._loop.add_signal_handler(signal.SIGWINCH, self._resize)
        self._loop.add_reader(self._terminal_fd, self._take)
        self._loop.add_reader(self._master_fd, self._show)

    def drain(self) -> None:
        """Show what the command printed last."""
        while self._master_fd >= 0 and self._show():
            pass

    def _show(self) -> bool:
        """Show a piece of what the command printed; False where there is none."""
        data = self._read(self._master_fd)
        while data:
            try:
                data = data[os.write(self._terminal_fd, data) :]
            except BlockingIOError:
                select.select((), (self._terminal_fd,), ())  # shared with somebody who made it so
                continue
            if not data:
                return True
        return False

    def _take(self) -> None:
        """Take what was typed; no more of it while the command does not read."""
        data = self._read(self._terminal_fd)
        if data:
            self._loop.remove_reader(self._terminal_fd)
            self._pass(data)

    def _pass(self, data: bytes) -> None:
        """Pass what was typed to the command, as much as its terminal holds, then the rest when it holds more."""
        self._loop.remove_writer(self._master_fd)
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(self._master_fd, data) :]
        if data:
            self._loop.add_writer(self._master_fd, self._pass, data)
        else:
            self._loop.add_reader(self._terminal_fd, self._take)

    def _read(self, fd: int) -> bytes:
        """What can be read now; at the end nobody listens to ``fd`` any more."""
        try:
            data = os.read(fd, _CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError:  # EIO: nobody has the container's end open any more
            data = b""
        if not data:
            self._loop.remove_reader(fd)
        return data

    def _resize(self) -> None:
        fcntl.ioctl(self._master_fd, termios.TIOCSWINSZ, size(self._terminal_fd))


def size(fd: int) -> bytes:
    """The terminal's ``struct winsize``."""
    return fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8))


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    before = termios.tcgetattr(fd)
    tty.setraw(fd, termios.TCSADRAIN)  # what was typed ahead is for the command
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _exit_code(ended: Ended) -> int:
    if ended.failure is not None:
        raise FarmError(f"cannot start the shell: {ended.failure.step}", ended.failure.message, ended.failure.remedy)
    if ended.status is None:
        raise FarmError("the container ended before its shell", "", "was it out of memory? farm shell has a quota too")
    return os.waitstatus_to_exitcode(ended.status)
