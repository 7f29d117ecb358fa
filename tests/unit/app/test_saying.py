from __future__ import annotations

from farm.app.saying import Saying


def test_a_line_every_ten_seconds_none_at_once_and_none_too_long() -> None:
    told: list[str] = []
    now_s = 100.0
    saying = Saying(told.append, "preparing a", lambda: now_s)
    for seconds in range(31):
        now_s = 100.0 + seconds
        saying("prepare of a", f"line\t{seconds}  " + ("x" * 500 if seconds == 30 else ""))
    assert told[:2] == ["preparing a: line 10", "preparing a: line 20"]
    assert len(told) == 3
    assert len(told[2]) < 150
    assert told[2].endswith("…")


def test_a_build_without_another_name_has_its_own() -> None:
    told: list[str] = []
    clock = iter((0.0, 11.0))
    Saying(told.append, clock=lambda: next(clock))("bootstrap of b", "line")
    assert told == ["bootstrap of b: line"]
