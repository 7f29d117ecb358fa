"""Pieces that a thread makes ahead of their reader."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from farm.errors import ImageError
from farm.image.ahead import Ahead


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 31, 32, 33, 1000])
def test_all_pieces_come_in_order_then_nothing(count: int) -> None:
    following = Ahead(str(number).encode() for number in range(count))
    assert [following() for _ in range(count)] == [str(number).encode() for number in range(count)]
    assert following() == following() == b""


@pytest.mark.parametrize("count", [0, 3, 40])
def test_an_error_comes_after_the_pieces_before_it_and_again(count: int) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [b"x"] * count
        raise ImageError("damaged")

    following = Ahead(pieces())
    assert [following() for _ in range(count)] == [b"x"] * count
    for _ in range(2):
        with pytest.raises(ImageError, match="damaged"):
            following()


def test_no_more_than_so_many_are_made_ahead() -> None:
    made: list[int] = []
    full = threading.Event()

    def pieces() -> Iterator[bytes]:
        for number in range(200):
            made.append(number)
            if number == 22:
                full.set()
            yield b"x"

    following = Ahead(pieces())
    assert full.wait(10)
    assert len(made) == 23  # batches of 1, 2, 4 and 8, and one of 8 in hand
    while following():
        pass
    assert len(made) == 200
