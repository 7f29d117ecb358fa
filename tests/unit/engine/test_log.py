"""The capture of a command's output, on real pipes and files."""

from __future__ import annotations

import asyncio
import os
import resource

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.engine.log import LogCapture


def capture(path, cap_bytes, chunks):
    async def write():
        log = LogCapture(str(path), cap_bytes)
        try:
            writer = os.dup(log.write_fd)
            log.close_write()
            loop = asyncio.get_running_loop()
            for chunk in chunks:
                await loop.run_in_executor(None, os.write, writer, chunk)
            os.close(writer)
            await asyncio.wait_for(log.finish(), 30)
        finally:
            log.close()
            log.close()
        return log

    log = asyncio.run(write())
    return log, path.read_bytes()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=10), st.integers(0, 1000))
def test_the_first_bytes_are_kept_and_the_rest_is_counted(tmp_path_factory, chunks, cap_bytes):
    path = tmp_path_factory.mktemp("log") / "1.log"
    whole = b"".join(chunks)
    log, text = capture(path, cap_bytes, chunks)
    assert log.kept_bytes == min(len(whole), cap_bytes)
    assert log.lost_bytes == len(whole) - log.kept_bytes
    lost = f"\n[farm: log truncated after {log.kept_bytes} bytes, {log.lost_bytes} more were dropped]\n".encode()
    assert text == whole[:cap_bytes] + (lost if log.lost_bytes else b"")


def test_folders_are_made(tmp_path):
    _, text = capture(tmp_path / "a" / "b" / "1.log", 10, [b"x"])
    assert text == b"x"


def test_more_than_the_pipe_holds_passes_through(tmp_path):
    log, text = capture(tmp_path / "1.log", 1 << 30, [b"y" * 5_000_000])
    assert (log.lost_bytes, len(text)) == (0, 5_000_000)


def test_C10_full_disk_is_told_and_blocks_nobody():
    async def write():
        log = LogCapture("/dev/full", 1 << 20)
        try:
            writer = os.dup(log.write_fd)
            log.close_write()
            await asyncio.get_running_loop().run_in_executor(None, os.write, writer, b"z" * 1_000_000)
            os.close(writer)
            with pytest.raises(OSError, match="No space left"):
                await asyncio.wait_for(log.finish(), 30)
        finally:
            log.close()

    asyncio.run(write())


def test_nothing_stays_open(tmp_path):
    before = os.listdir("/proc/self/fd")
    capture(tmp_path / "1.log", 10, [b"x" * 100])
    assert os.listdir("/proc/self/fd") == before


def test_what_comes_while_nothing_can_be_opened_waits_and_is_whole(tmp_path):
    """EMFILE is no reason to lose a word of a command that has long been at work."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    path = tmp_path / "1.log"

    async def write():
        log = LogCapture(str(path), 1 << 20)
        writer = os.dup(log.write_fd)
        log.close_write()
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            for number in range(3):
                os.write(writer, b"%d\n" % number)
                log.drain()
            os.close(writer)
            finishing = asyncio.ensure_future(log.finish())
            await asyncio.sleep(0)
            assert not finishing.done()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        try:
            await asyncio.wait_for(finishing, 30)
        finally:
            log.close()

    asyncio.run(write())
    assert path.read_bytes() == b"0\n1\n2\n"


def test_a_log_that_was_removed_is_made_again(tmp_path):
    path = tmp_path / "1.log"

    async def write():
        log = LogCapture(str(path), 1 << 20)
        try:
            path.unlink()
            log.note("and goes on")
            log.close_write()
            await asyncio.wait_for(log.finish(), 30)
        finally:
            log.close()

    asyncio.run(write())
    assert path.read_bytes() == b"[farm: and goes on]\n"
