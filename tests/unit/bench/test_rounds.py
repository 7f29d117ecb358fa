"""Whose turn it is, and for how long."""

from __future__ import annotations

from bench.farm import Farm
from bench.figures import Lives
from bench.rounds import best, failing, in_turns, turn_of
from bench.tools import Tools
from farm.errors import FarmError


def test_in_as_many_rounds_as_there_are_each_is_first_once() -> None:
    items = ["a", "b", "c"]
    rounds = [in_turns(items, number) for number in range(6)]
    assert all(sorted(each) == items for each in rounds)
    assert {each[0] for each in rounds} == set(items)


def test_every_second_round_goes_backwards() -> None:
    assert in_turns(["a", "b", "c"], 0) == ["a", "b", "c"]
    assert in_turns(["a", "b", "c"], 1) == ["a", "c", "b"]


def test_nobody_has_no_turn() -> None:
    assert in_turns([], 3) == []


def test_best_parallelism() -> None:
    assert best({2: 10.0, 4: 12.0, 8: 11.0}) == 4


def test_a_turn_is_as_long_as_asked_for_within_bounds() -> None:
    assert turn_of(100.0, 3.0, 4, 1000) == 300
    assert turn_of(500.0, 3.0, 4, 1000) == 1000
    assert turn_of(0.5, 3.0, 4, 1000) == 8


class _Broken:
    name, version = "broken", ""

    def alone(self, count: int) -> list[float]:
        raise FarmError("no", f"not {count}")

    def many(self, count: int, parallel: int) -> float:
        raise FarmError("no", f"not {count}")


def test_a_tool_that_fails_is_left_out_with_the_reason() -> None:
    farms: tuple[Farm, ...] = ()
    lives, broken, other = Lives(10, "host"), _Broken(), _Broken()
    tools = Tools([broken, other], farms)
    with failing(lives, tools, broken):
        broken.alone(3)
    assert tools.tools == [other]
    assert lives.absent == {"broken": "no: not 3"}
