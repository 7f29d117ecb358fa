"""C03, C11: what must not keep a container from ending, nor make its end look like something else."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from farm.container.spec import ContainerSpec
from farm.engine.local import LocalEngine
from farm.errors import FarmError, KernelError
from farm.kernel import sockets
from farm.kernel.userns import IdMap
from farm.launcher.client import Client
from farm.model.distro import Overlay
from tests.kernel.engine.live import launched, zygote


@pytest.fixture
def alpine(unpacked):
    return unpacked("alpine-3.20")


def test_output_that_is_no_pipe_keeps_its_owner(alpine, tmp_path):
    """Also the host's /dev/null, which farm shell hands over."""
    file = tmp_path / "out"
    file.touch(0o600)

    async def talk():
        async with zygote(alpine) as client:
            fd = os.open(file, os.O_WRONLY)
            try:
                container = client.launch(client_spec(alpine), (fd, fd, fd))
                assert (await asyncio.wait_for(asyncio.shield(container.ended), 30)).status == 0
            finally:
                os.close(fd)

    asyncio.run(talk())
    status = file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (os.getuid(), os.getgid(), 0o600)


def client_spec(rootfs):
    return ContainerSpec((Overlay("/", (rootfs,)),), ("true",), (("PATH", "/bin"),))


def test_no_signal_from_inside_ends_PID_1(alpine):
    async def end(client, signum):
        async with launched(client, alpine, f"kill -{signum} 1; sleep 0.1; exit 3") as live:
            return await live.end()

    async def talk():
        async with zygote(alpine) as client:
            return await asyncio.gather(*(end(client, signum) for signum in range(1, 32)))

    ends = {signum: (each.status, each.failure) for signum, each in enumerate(asyncio.run(talk()), 1)}
    assert ends == dict.fromkeys(range(1, 32), (3 << 8, None))


def test_a_group_that_cannot_be_read_does_not_keep_the_end_back(alpine, monkeypatch):
    def refuse():
        raise KernelError("read", 19, ("cpu.stat",))

    async def talk():
        async with zygote(alpine) as client, launched(client, alpine, "sleep 0.2") as live:
            monkeypatch.setattr(type(live.container.group), "usage", lambda _: refuse())
            ended = await asyncio.wait_for(asyncio.shield(live.container.ended), 10)
            assert ended.failure is not None
            assert ended.failure.errno == 19

    asyncio.run(talk())


def test_C11_a_birth_whose_descriptor_had_no_room_ends_as_an_error(alpine, monkeypatch):
    receive = sockets.receive

    def cut(sock, most_bytes, flags=0):
        data, descriptors = receive(sock, most_bytes, flags)
        if data.startswith(b"born"):
            for fd in descriptors:
                os.close(fd)
            return data, ()
        return data, descriptors

    async def talk():
        async with zygote(alpine) as client:
            monkeypatch.setattr(sockets, "receive", cut)
            async with launched(client, alpine, "sleep 100") as live:
                ended = await asyncio.wait_for(asyncio.shield(live.container.ended), 10)
                assert ended.failure is not None
                assert "descriptor" in ended.failure.message

    asyncio.run(talk())


def test_C03_a_zygote_that_is_not_ready_yet_is_not_asked(alpine, tmp_path):
    async def talk():
        client = Client(f"unready-{os.getpid()}", (alpine,), IdMap(0x70000000))
        starting = asyncio.ensure_future(client.start())
        while client._process is None:
            assert not starting.done()
            await asyncio.sleep(0)
        assert not client.alive
        await starting
        assert client.alive
        await client.close()

    asyncio.run(talk())


def test_C03_closing_the_engine_while_a_zygote_is_replaced_leaves_none(alpine, tmp_path):
    async def talk():
        engine = LocalEngine(f"closing-{os.getpid()}", str(tmp_path), (alpine,), IdMap(0x70000000))
        await engine.start()
        first = engine._client
        os.kill(first._process.pid, signal.SIGKILL)
        while first.alive:
            await asyncio.sleep(0.01)
        replacing = [asyncio.ensure_future(engine._zygote()) for _ in range(3)]
        await asyncio.sleep(0)
        await engine.close()
        for each in await asyncio.gather(*replacing, return_exceptions=True):
            assert isinstance(each, FarmError)
        assert engine._client is None

    asyncio.run(talk())


def test_orders_that_wait_for_a_zygote_that_dies_are_lost_without_a_trace(alpine):
    async def talk():
        errors = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        async with zygote(alpine) as client:
            os.kill(client._process.pid, signal.SIGSTOP)
            while not client._backlog:
                client.add_filter(9, bytes(1 << 20))
            os.kill(client._process.pid, signal.SIGKILL)
            client._process.wait()
            client._flush()  # before the loop sees that the socket can be read
            assert not client.alive
        assert not errors

    asyncio.run(talk())
