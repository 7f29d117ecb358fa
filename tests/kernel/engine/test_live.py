"""What the launcher does to a container that runs: further commands, signals, freezing, an end of the zygote."""

from __future__ import annotations

import asyncio
import os
import signal

import psutil
import pytest

from farm.engine.local import LocalEngine
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay
from farm.model.outcome import Outcome
from farm.model.ports import Work
from tests.kernel.engine.conftest import make_job
from tests.kernel.engine.live import ENVIRONMENT, launched, zygote, zygote_of


@pytest.fixture
def alpine(unpacked):
    return unpacked("alpine-3.20")


def spawn(live, number, *argv, directory="/", terminal=b""):
    null_fd = os.open("/dev/null", os.O_RDONLY)
    descriptors = () if terminal else (null_fd, live.write_fd, live.write_fd)
    live.container.spawn(number, argv, ENVIRONMENT, descriptors, directory=directory, terminal=terminal)
    os.close(null_fd)


def test_further_commands_run_beside_the_main_one_and_after_it(alpine):
    async def talk():
        async with zygote(alpine) as client, launched(client, alpine, "echo $$; exit 4", hold=True) as live:
            first = await live.line()
            assert (await live.message("exited", 0)).status == 4 << 8
            spawn(live, 1, "sh", "-c", "pwd; readlink /proc/$$/ns/mnt >/dev/null; echo $$; exit 5", directory="/etc")
            assert await live.line() == b"/etc\n"
            assert await live.line() != first
            assert (await live.message("exited", 1)).status == 5 << 8
            live.container.release()
            ended = await live.end()
            assert (ended.status, ended.failure) == (4 << 8, None)

    asyncio.run(talk())


def test_signal_reaches_its_command_only(alpine):
    async def talk():
        async with zygote(alpine) as client, launched(client, alpine, "echo up; exec sleep 100") as live:
            await live.line()
            spawn(
                live,
                1,
                "sh",
                "-c",
                "exec 2>/dev/null; trap 'echo hup; exit 6' HUP; echo up; while :; do sleep 0.1; done",
            )
            await live.line()
            live.container.signal(signal.SIGHUP, 1)
            assert await live.line() == b"hup\n"
            assert (await live.message("exited", 1)).status == 6 << 8
            live.container.signal(signal.SIGKILL)
            assert (await live.end()).status == signal.SIGKILL

    asyncio.run(talk())


def test_command_ignores_nothing_though_whoever_started_the_farm_does(alpine):
    ignored = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1)
    before = {each: signal.signal(each, signal.SIG_IGN) for each in ignored}

    async def talk():
        asked = ("grep", "SigIgn", "/proc/self/status")  # without a shell: this one's ignores SIGQUIT itself
        async with zygote(alpine) as client, launched(client, alpine, "", argv=asked) as live:
            return (await live.line()).split()[1]

    try:
        found = int(asyncio.run(talk()), 16)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert found & ~(3 << 31) == 0  # 32 and 33 are glibc's own


def test_further_command_that_cannot_start_is_told_and_harms_nothing(alpine):
    async def talk():
        async with zygote(alpine) as client, launched(client, alpine, "echo up; exec sleep 100") as live:
            await live.line()
            spawn(live, 1, "/no/such/command")
            failed = (await live.message("failed", 1)).failure
            assert (failed.step, failed.errno) == ("exec", 2)
            spawn(live, 2, "pwd", directory="/no/such/folder")
            failed = (await live.message("failed", 2)).failure
            assert (failed.step, failed.errno) == ("working-directory", 2)
            spawn(live, 3, "echo", "still here")
            assert await live.line() == b"still here\n"

    asyncio.run(talk())


def until(terminal, end):
    """What comes out of ``terminal`` up to ``end``: a line may come in pieces."""
    said = b""
    while end not in said:
        said += os.read(terminal.fileno(), 100)
    return said


def test_command_on_a_terminal_gets_one(alpine):
    async def talk():
        async with zygote(alpine) as client, launched(client, alpine, "echo up; exec sleep 100") as live:
            await live.line()
            master: asyncio.Future[int] = asyncio.get_running_loop().create_future()

            def take(message, descriptors):
                if (message.op, message.number) == ("started", 1):
                    master.set_result(os.dup(descriptors[0]))

            live.container.listen(take)
            spawn(live, 1, "sh", "-c", "test -t 0 && tty; read line; echo got $line >/dev/tty", terminal=bytes(8))
            with open(await master, "r+b", buffering=0) as terminal:
                assert until(terminal, b"\n") == b"/dev/pts/0\r\n"
                terminal.write(b"typed\n")
                until(terminal, b"got typed")

    asyncio.run(talk())


def test_frozen_container_does_nothing_until_thawed(alpine):
    async def talk():
        script = "exec 2>/dev/null; trap 'echo term; exit 3' TERM; echo up; while :; do sleep 0.05; done"
        async with zygote(alpine) as client, launched(client, alpine, script) as live:
            await live.line()
            live.container.freeze(frozen=True)
            live.container.signal(signal.SIGTERM)
            with pytest.raises(TimeoutError):
                await live.line(0.5)
            live.container.freeze(frozen=False)
            assert await live.line() == b"term\n"
            assert (await live.end()).status == 3 << 8

    asyncio.run(talk())


def test_C17_frozen_container_can_be_killed(alpine):
    async def talk():
        async with zygote(alpine) as client, launched(client, alpine, "echo up; exec sleep 100") as live:
            await live.line()
            live.container.freeze(frozen=True)
            live.container.kill()
            assert (await live.end()).status is None

    asyncio.run(talk())


def test_C17_kill_of_a_stopped_and_of_a_traced_tree(alpine):
    async def talk():
        script = "sleep 100 & kill -STOP $!; echo up; kill -STOP $$"
        async with zygote(alpine) as client, launched(client, alpine, script) as live:
            await live.line()
            live.container.kill()
            await live.end()

    asyncio.run(talk())


def test_C03_zygote_that_dies_is_replaced_and_its_attempts_are_errors(alpine, tmp_path):
    async def talk():
        engine = LocalEngine(f"test-{os.getpid()}", str(tmp_path), (alpine,), IdMap(0x70000000))
        image = Image("0" * 64, alpine, (Overlay("/", (alpine,)),), read_facts(alpine))
        await engine.start()
        try:
            jobs = [make_job("echo up; sleep 100", id=f"sleep/{number}") for number in range(3)]
            running = [asyncio.ensure_future(engine.run(Work(job, image, 1))) for job in jobs]
            logs = [tmp_path / f"logs/sleep@{number}/1.log" for number in range(3)]
            async with asyncio.timeout(30):
                while not all(log.exists() and log.read_bytes() == b"up\n" for log in logs):
                    await asyncio.sleep(0.01)
            zygote_of(psutil.Process()).kill()
            lost = await asyncio.wait_for(asyncio.gather(*running), 30)
            again = [make_job("echo fine", id=f"again/{number}") for number in range(3)]
            return lost, await asyncio.gather(*(engine.run(Work(job, image, 2)) for job in again))
        finally:
            await engine.close()

    lost, again = asyncio.run(talk())
    assert {each.outcome for each in lost} == {Outcome.ERROR}
    assert {each.failure.step for each in lost} == {"zygote"}
    assert {each.outcome for each in again} == {Outcome.PASSED}


def test_cancelled_attempt_is_cancelled_also_before_its_container_is_there(alpine, tmp_path):
    async def talk():
        engine = LocalEngine(f"test-{os.getpid()}", str(tmp_path), (alpine,), IdMap(0x70000000))
        image = Image("0" * 64, alpine, (Overlay("/", (alpine,)),), read_facts(alpine))
        await engine.start()
        try:
            job = make_job("sleep 100")
            running = asyncio.ensure_future(engine.run(Work(job, image, 1)))
            await asyncio.sleep(0)  # it has begun, and no message has come back
            engine.cancel(job.id)
            engine.cancel("no/such-job")
            return await asyncio.wait_for(running, 30)
        finally:
            await engine.close()

    assert asyncio.run(talk()).outcome is Outcome.CANCELLED


def test_command_without_its_shell_and_the_shell_where_there_is_no_such_command(alpine):
    async def talk():
        async with zygote(alpine) as client:
            async with launched(client, alpine, "/bin/echo two  words", direct=("/bin/echo", "two", "words")) as live:
                assert await live.line() == b"two words\n"
                assert (await live.end()).status == 0
            script = "/no/such/command"
            async with launched(client, alpine, script, direct=(script,)) as live:
                assert b"not found" in await live.line()
                assert (await live.end()).status == 127 << 8

    asyncio.run(talk())
