from __future__ import annotations

from farm.cli.transfers import Lines


def test_a_long_transfer_says_how_far_it_is_now_and_then_and_a_short_one_nothing() -> None:
    now = [100.0]
    said: list[str] = []
    told = Lines(said.append, lambda: now[0])
    told("a", 0, 1 << 30)
    now[0] += 9
    told("a", 1 << 20, 1 << 30)
    told("b\x1b", 0, None)
    assert said == []
    now[0] += 2
    told("a", 2 << 20, 1 << 30)
    told("a", 3 << 20, 1 << 30)
    now[0] += 10
    told("b\x1b", 512, None)
    assert said == ["fetching a: 2 MiB of 1 GiB", "fetching b\\x1b: 512 B"]
