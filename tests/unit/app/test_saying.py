from __future__ import annotations

from farm.app.saying import Saying, Telling


class Told:
    """Who is told, and the clock."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.now_s = 100.0

    def __call__(self, what: str, text: str) -> None:
        self.said.append((what, text))

    def clock(self) -> float:
        return self.now_s


def test_a_line_every_ten_seconds_none_at_once_and_none_too_long() -> None:
    told = Told()
    saying = Saying(told, "preparing a", told.clock)
    for seconds in range(31):
        told.now_s = 100.0 + seconds
        saying("prepare of a", f"line\t{seconds}  " + ("x" * 500 if seconds == 30 else ""))
    assert told.said[:2] == [("preparing a", "line 10"), ("preparing a", "line 20")]
    assert len(told.said) == 3
    assert len(told.said[2][1]) < 150
    assert told.said[2][1].endswith("…")


def test_a_build_without_another_name_has_its_own_and_is_over_once() -> None:
    told = Told()
    saying = Saying(told, clock=told.clock, every_s=1)
    told.now_s += 1
    saying("bootstrap of b", "line")
    saying.over()
    saying.over()
    assert told.said == [("bootstrap of b", "line"), ("bootstrap of b", "")]


def test_nothing_is_over_of_which_nothing_was_said() -> None:
    told = Told()
    saying = Saying(told, "preparing a", told.clock)
    saying("prepare of a", "line")
    saying.over()
    assert told.said == []


def test_a_transfer_is_told_at_once_then_each_second_and_ends_with_its_last_byte() -> None:
    told = Told()
    telling = Telling(told, told.clock)
    for have in range(5):
        telling("a", have << 20, 4 << 20)
        telling("b", have << 10, None)
        told.now_s += 0.5
    telling.over()
    assert told.said == [
        ("fetching a", "0 B of 4 MiB"),
        ("fetching b", "0 B"),
        ("fetching a", "2 MiB of 4 MiB"),
        ("fetching b", "2 KiB"),
        ("fetching a", ""),
        ("fetching b", "4 KiB"),
        ("fetching b", ""),
    ]
