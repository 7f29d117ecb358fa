"""A container to talk with while it lives: its output line by line, its launcher's messages one by one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator

import psutil

from farm.container.spec import ContainerSpec
from farm.kernel.userns import IdMap
from farm.launcher.client import Client
from farm.launcher.container import Container, Ended, Message
from farm.model.distro import Overlay

PATIENCE_S = 30.0 * float(os.environ.get("FARM_TEST_SLOWDOWN") or 1)
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_counter = itertools.count()


class Live:
    """``container`` and the pipe its output goes to."""

    def __init__(self, client: Client, container: Container, reader: asyncio.StreamReader, write_fd: int) -> None:
        self.client = client
        self.container = container
        self._reader = reader
        self.write_fd = write_fd
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        container.listen(lambda message, _: self._messages.put_nowait(message))

    async def line(self, limit_s: float = PATIENCE_S) -> bytes:
        """The next line of output; ``TimeoutError`` where none comes."""
        return await asyncio.wait_for(self._reader.readline(), limit_s)

    async def message(self, op: str, number: int) -> Message:
        """The next message ``op`` about command ``number``; others are passed over."""
        while True:
            message = await asyncio.wait_for(self._messages.get(), PATIENCE_S)
            if (message.op, message.number) == (op, number):
                return message

    async def end(self) -> Ended:
        return await asyncio.wait_for(asyncio.shield(self.container.ended), PATIENCE_S)


@contextlib.asynccontextmanager
async def zygote(*views: str, id_map: IdMap | None = IdMap(0x70000000)) -> AsyncIterator[Client]:  # noqa: B008
    client = Client(f"live-{os.getpid()}-{next(_counter)}", views, id_map)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def launched(client: Client, rootfs: str, script: str, **fields: object) -> AsyncIterator[Live]:
    """A container of ``rootfs`` that runs ``script``; ``fields`` are those of its spec."""
    spec = ContainerSpec(
        **{  # type: ignore[arg-type]
            "overlays": (Overlay("/", (rootfs,)),),
            "argv": ("sh", "-c", script),
            "environment": tuple(ENVIRONMENT.items()),
            **fields,
        }
    )
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    null_fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    reader = asyncio.StreamReader()
    pipe = os.fdopen(read_fd, "rb")
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        container = client.launch(spec, (null_fd, write_fd, write_fd))
        live = Live(client, container, reader, write_fd)
        try:
            yield live
        finally:
            container.kill()
            await live.end()
    finally:
        os.close(write_fd)
        os.close(null_fd)
        transport.close()


def zygote_of(process: psutil.Process) -> psutil.Process:
    """The one that a process with an engine has; it may have children of other kinds for moments."""
    (found,) = [each for each in process.children() if _name(each) == "farm-zygote"]
    return found


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


async def ended(client: Client, rootfs: str, **fields: object) -> Ended:
    """How a container that runs ``true`` ended."""
    async with launched(client, rootfs, "true", **fields) as live:
        return await live.end()
