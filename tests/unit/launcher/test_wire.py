"""Messages of the zygote and of PID 1, as the orchestrator reads them."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.container.words import piece
from farm.errors import KernelError
from farm.kernel import sockets
from farm.kernel.libc import AT_FDCWD
from farm.launcher import wire
from farm.launcher.container import Message, _parsed
from farm.model.job import Failure


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=5))
def test_fields_come_back_as_they_went(fields):
    assert wire.text(*fields).decode().split("\0") == fields


def test_lone_surrogates_do_not_stop_a_message():
    assert wire.text("stillborn", 7, "no file \udcff") == b"stillborn\x007\x00no file ?"


def test_error_is_told_with_its_hint():
    error = KernelError("mount", 2, ("a", "b"), "look")
    assert wire.told(error) == ("mount(a, b): ENOENT (No such file or directory); look", 2, "look")
    assert wire.told(OSError(5, "io")) == ("[Errno 5] io", 5, "")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"started\x000\x0012.5", Message("started", 0, 12.5)),
        (b"exited\x003\x00256\x001.0", Message("exited", 3, 1.0, 256)),
        (b"failed\x000\x00exec\x002\x00gone\x00look", Message("failed", 0, failure=Failure("exec", "gone", 2, "look"))),
    ],
)
def test_messages_of_pid_1(data, message):
    assert _parsed(data) == message


def test_a_system_call_that_failed_is_named_by_who_asked_for_it():
    program = (piece((("make room", "mkdirat", (AT_FDCWD, b"/c/x", 0o755)),)),)
    failure = _parsed(b"stuck\x000\x000\x0028", program).failure
    assert failure == Failure("make room", "mkdirat(-100, /c/x, 493): ENOSPC (No space left on device)", 28)
    for number in (b"1", b"-2", b"x", b"9" * 30):
        assert _parsed(b"stuck\x000\x00" + number + b"\x0028", program).failure.step == "init"


@given(st.binary())
def test_what_is_no_message_of_pid_1_is_refused(data):
    try:
        message = _parsed(data)
    except ValueError:
        return
    assert message.op in ("started", "exited", "failed")


def test_descriptors_come_with_their_message_and_close_on_exec(tmp_path):
    ours, theirs = sockets.pair()
    try:
        for number in range(3):
            files = [os.open(tmp_path, os.O_RDONLY) for _ in range(number)]
            sockets.send(ours, b"message", tuple(files))
            data, received = sockets.receive(theirs, 100)
            assert (data, len(received)) == (b"message", number)
            for fd in received:
                assert not os.get_inheritable(fd)
                assert os.path.samestat(os.fstat(fd), os.stat(tmp_path))
            for fd in (*files, *received):
                os.close(fd)
    finally:
        ours.close()
        assert sockets.receive(theirs, 100) == (b"", ())
        theirs.close()
