"""A worker that was taken over can say what it likes: it is a result, or it is an error."""

from __future__ import annotations

import pytest

from farm.image.unpacking import Unpacked, _error, _result

GOOD = b"unpacked\0003\0005\0root\0fifo 1"


def test_what_is_as_agreed_is_taken() -> None:
    assert _result(GOOD) == Unpacked(3, 5, (("fifo", 1),), "root")
    assert _error(b"failed\0brief\0detail", b"", 0) == ("brief", "detail")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0" * 60_000,
        b"unpacked",
        b"text",
        GOOD[:-2],
        GOOD + bytes(1 << 16),
        GOOD.replace(b"3", b"Infinity"),
        GOOD.replace(b"5", b"many"),
        GOOD.replace(b"fifo 1", b"fifo"),
        GOOD.replace(b"fifo", b"\xff"),
        GOOD.replace(b"unpacked", b"failed"),
        b"failed\0too\0many\0parts",
        b"failed",
    ],
)
def test_all_else_is_an_error(said: bytes) -> None:
    assert _result(said) is None
    assert _error(said, b"", -9) == ("the unpacker died", "signal 9")


def test_the_last_line_it_complained_with_is_told() -> None:
    assert _error(b"", b"Traceback\n  ...\nMemoryError\n", 1) == ("the unpacker died", "MemoryError")
