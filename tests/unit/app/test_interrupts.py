from __future__ import annotations

import asyncio
import os
import signal

import pytest

from farm.app.interrupts import Interrupts


class Target:
    """Records what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.heard = asyncio.Event()

    def interrupt(self) -> None:
        self.told.append("drain")
        self.heard.set()

    def kill(self) -> None:
        self.told.append("kill")
        self.heard.set()


async def send(target: Target, number: int) -> None:
    target.heard.clear()
    os.kill(os.getpid(), number)
    await target.heard.wait()


def test_one_sigint_drains_and_the_next_one_kills() -> None:
    notes: list[str] = []

    async def main() -> list[str]:
        interrupts, target = Interrupts(notes.append), Target()
        with interrupts.told_to(target):
            assert not interrupts.stopped
            await send(target, signal.SIGINT)
            await send(target, signal.SIGINT)
        assert interrupts.stopped
        return target.told

    assert asyncio.run(main()) == ["drain", "kill"]
    assert notes == ["interrupted: waiting for what runs; once more ends it", "ending what runs"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_sighup_kill_at_once(number: int) -> None:
    async def main() -> list[str]:
        interrupts, target = Interrupts(lambda _: None), Target()
        with interrupts.told_to(target):
            await send(target, number)
        return target.told

    assert asyncio.run(main()) == ["kill"]


def test_a_signal_that_came_early_ends_what_is_awaited_and_is_told_later() -> None:
    async def main() -> list[str]:
        interrupts, target = Interrupts(lambda _: None), Target()
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
        assert await interrupts.unless_stopped(asyncio.Event().wait()) is None
        with interrupts.told_to(target):
            pass
        return target.told

    assert asyncio.run(main()) == ["drain"]


def test_what_is_awaited_without_a_signal_has_its_result_and_its_error() -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def main() -> None:
        interrupts = Interrupts(lambda _: None)
        assert await interrupts.unless_stopped(asyncio.sleep(0, "done")) == "done"
        with pytest.raises(ValueError, match="no"):
            await interrupts.unless_stopped(fail())

    asyncio.run(main())


def test_a_signal_after_the_work_changes_nothing() -> None:
    async def main() -> list[str]:
        interrupts, target = Interrupts(lambda _: None), Target()
        with interrupts.told_to(target):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        return target.told

    assert asyncio.run(main()) == []


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        async def main() -> None:
            Interrupts(lambda _: None)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

        asyncio.run(main())
    finally:
        signal.signal(signal.SIGHUP, before)
