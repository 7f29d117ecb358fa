"""What is where on the live screen, for sizes and moments that no real run is at when one looks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from farm.report.layout import ASCII, Going, Moment, Row, fitted, room, screen
from farm.schedule.policy import budget
from farm.schedule.standing import Standing, Used, Why

STANDING = Standing(budget(2, 10 << 30), Used(12, 12.0, 6 << 30), 16, {Why.SLOTS: 640, Why.NEEDS: 120})


def moment(count: int = 3, going_on: int = 0, **changed: object) -> Moment:
    known: dict[str, object] = {
        "total": 1136,
        "done": 312,
        "bad": 2,
        "gone_s": 83.0,
        "left_s": 250.0,
        "standing": STANDING,
        "running": 12,
        "name_cells": 30,
        "rows": tuple(Row(f"unit/debian-12[n={n}]", 60.0 * n, n << 20, f"line {n}") for n in range(count)),
        "going": tuple(Going(f"preparing d-{n}", 4.0, f"step {n}") for n in range(going_on)),
    }
    return Moment(**(known | changed))  # type: ignore[arg-type]


def text(*given: object, **more: object) -> list[str]:
    return [each.plain for each in screen(*given, **more)]  # type: ignore[arg-type]


def test_a_terminal_of_80_by_24() -> None:
    head, used, waiting, going, *rows, more = text(moment(going_on=1), 80, 24)
    assert head == "━" * 29 + "  312/1136  2 bad  1:23, about 4m10s left"
    assert used == "  12 of 16 running, quotas: 12 of 16 cpus, 6 of 40 GiB memory"
    assert waiting == "  760 waiting: 640 for a slot, 120 for needs"
    assert going == "    0:04  preparing d-0  step 0"
    assert rows[2] == "    2:00     2 MiB  unit/debian-12[n=2]             line 2"
    assert more.strip() == "and 9 more"


def test_columns_stay_where_they_are_whatever_runs() -> None:
    rows = (Row("a/b", 1.0, None, "said"), Row("x" * 100, 36000.0, 1000 << 20, "said"))
    first, second = text(moment(), 200, 50)[3:5]
    assert first.index("line") == second.index("line")
    short, long = text(Moment(2, 0, 0, 0.0, None, None, 2, 30, rows), 200, 50)[1:]
    assert short.index("said") == long.index("said") == first.index("line")
    assert "…" in long


def test_a_narrow_terminal_has_no_room_for_bars_and_logs() -> None:
    head, *_, row, _ = text(moment(count=1), 40, 24)
    assert head == "312/1136  2 bad  1:23, about 4m10s left"
    assert row == "    0:00       0 B  unit/debian-12[n=0]"


def test_at_the_end_nothing_is_left_to_estimate() -> None:
    assert "left" not in text(moment(done=1136, count=0), 80, 24)[0]


def test_bad_jobs_are_seen_on_the_bar_however_few_they_are() -> None:
    (head, *_) = screen(moment(done=1000, bad=1), 200, 50)
    assert [str(each.style) for each in head.spans][:3] == ["red", "green", "dim"]
    assert head.spans[0].end == 1
    (head, *_) = screen(moment(done=1000, bad=0, cancelled=500), 200, 50)
    assert [(str(each.style), each.end - each.start) for each in head.spans][:3] == [
        ("yellow", 26),
        ("green", 26),
        ("dim", 8),
    ]


def test_bars_for_terminals_without_unicode() -> None:
    assert all(each.isascii() for each in text(moment(count=3, name_cells=5, going_on=2), 80, 24, ASCII))


def test_a_name_loses_its_middle() -> None:
    assert fitted("unit/debian-12[opt=O2]", 12) == "unit…opt=O2]"
    assert fitted("short", 12) == "short"


@given(
    columns=st.integers(1, 300),
    lines=st.integers(1, 100),
    going=st.integers(0, 30),
    running=st.integers(0, 40),
    name=st.text(max_size=200),
    said=st.text(max_size=300),
)
def test_whatever_runs_it_fits(columns, lines, going, running, name, said) -> None:
    rows = tuple(Row(name, 1e6, 1 << 50, said) for _ in range(min(running, room(lines, going))))
    found = screen(
        moment(running=running, rows=rows, going=(Going(name, 9e9, said),) * going, name_cells=len(name)),
        columns,
        lines,
    )
    assert len(found) <= max(1, min(lines - 1, max(6, lines // 2)))
    assert all(each.cell_len < max(2, columns) for each in found)
    assert not any("\n" in each.plain for each in found)
