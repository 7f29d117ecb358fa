"""Messages with descriptors through structures that are laid out once, over real sockets."""

from __future__ import annotations

import errno
import mmap
import os
import resource

import pytest

from farm.errors import KernelError
from farm.kernel import sockets
from farm.kernel.mailbox import Inbox, Outbox


@pytest.fixture
def ends():
    ours, theirs = sockets.pair()
    with mmap.mmap(-1, 1 << 16) as buffer:
        inbox = Inbox(theirs.fileno(), buffer)
        yield ours, theirs, inbox, buffer
        del inbox  # it holds on to the buffer
    ours.close()
    theirs.close()


def lowest():
    fd = os.dup(0)
    os.close(fd)
    return fd


def test_descriptors_get_the_lowest_numbers_in_order_and_close_on_exec(ends, tmp_path):
    ours, _, inbox, buffer = ends
    for count in (2, 0, 3):  # as many as before, none, and more
        names = [tmp_path / str(number) for number in range(count)]
        opened = [os.open(name, os.O_CREAT | os.O_RDONLY) for name in names]
        sockets.send(ours, b"message %d" % count, tuple(opened))
        first = lowest()
        assert inbox.receive() == len(b"message 0")
        assert buffer[:9] == b"message %d" % count
        for fd, name in zip(range(first, first + count), names, strict=True):
            assert os.path.samestat(os.fstat(fd), name.stat())
            assert not os.get_inheritable(fd)
            os.close(fd)
        for fd in opened:
            os.close(fd)
        assert lowest() <= first  # nothing else came


def test_the_end_is_a_message_of_nothing(ends):
    ours, _, inbox, _ = ends
    ours.close()
    assert inbox.receive() == 0


def test_descriptors_that_do_not_arrive_are_an_error_and_not_other_numbers(ends):
    ours, _, inbox, _ = ends
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    sockets.send(ours, b"message", (0, 1, 2))
    first = lowest()
    resource.setrlimit(resource.RLIMIT_NOFILE, (first + 1, hard))
    try:
        with pytest.raises(KernelError) as caught:
            inbox.receive()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(first)  # the one that there was room for
    assert caught.value.errno == errno.EMFILE


def test_each_message_that_goes_out_has_its_own_text_and_descriptor(tmp_path):
    ours, theirs = sockets.pair()
    outbox = Outbox(ours.fileno())
    try:
        for text in (b"born\x001", b"born\x00" + b"2" * 100, b"x"):
            fd = os.open(tmp_path, os.O_RDONLY)
            outbox.send(text, fd)
            os.close(fd)
            data, (received,) = sockets.receive(theirs, 200)
            assert data == text
            assert os.path.samestat(os.fstat(received), tmp_path.stat())
            os.close(received)
        theirs.close()
        with pytest.raises(KernelError) as caught:
            outbox.send(b"anybody?", 0)
        assert caught.value.errno in (errno.EPIPE, errno.ECONNRESET)
    finally:
        ours.close()
        theirs.close()
