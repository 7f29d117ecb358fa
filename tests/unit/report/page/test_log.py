"""What of a log lies in the page, and how its lines are numbered."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.report.page.log import Piece, excerpt


def _excerpt(folder: Path, said: bytes, lines: int = 200):
    (folder / "log").write_bytes(said)
    return excerpt(str(folder), "log", lines)


def test_a_short_log_is_there_as_it_is(tmp_path):
    found = _excerpt(tmp_path, b"one\n\x1b[31mtwo\x1b[0m\n")
    assert found.pieces == (Piece(1, ("one", "\x1b[31mtwo\x1b[0m")),)
    assert found.whole
    assert not found.error


def test_the_end_of_a_long_one_keeps_its_numbers(tmp_path):
    found = _excerpt(tmp_path, b"".join(b"line %d\n" % number for number in range(1, 1001)))
    assert found.pieces == (Piece(801, tuple(f"line {number}" for number in range(801, 1001))),)
    assert not found.whole


def test_the_first_error_is_there_though_it_came_early(tmp_path):
    lines = [b"line %d" % number for number in range(1, 30_001)]
    lines[99] = b"x.c:1: error: early"
    found = _excerpt(tmp_path, b"\n".join(lines))
    assert found.error == 100
    assert found.pieces[0] == Piece(
        97, ("line 97", "line 98", "line 99", "x.c:1: error: early", *(f"line {n}" for n in (101, 102, 103)))
    )
    assert found.pieces[1].first == 29_801
    assert found.pieces[1].lines[-1] == "line 30000"


def test_lines_around_an_error_just_before_the_end_are_not_there_twice(tmp_path):
    lines = [b"line %d" % number for number in range(1, 301)]
    lines[99] = b"error: here"
    found = _excerpt(tmp_path, b"\n".join(lines))
    assert [each.first for each in found.pieces] == [97, 101]
    assert len(found.pieces[0].lines) == 4


def test_D06_a_log_too_long_to_count_is_numbered_from_its_end(tmp_path):
    with open(tmp_path / "log", "wb") as log:
        log.truncate(100 << 20)
        log.seek(0, 2)
        log.write(b"\nbefore\nerror: last\n")
    found = excerpt(str(tmp_path), "log", 2)
    assert found.pieces == (Piece(-2, ("before", "error: last")),)
    assert found.error == -1
    assert not found.whole


def test_no_log_is_nothing(tmp_path):
    assert not excerpt(str(tmp_path), "gone", 9).pieces
    assert not excerpt(str(tmp_path), "../log", 9).pieces
    assert not _excerpt(tmp_path, b"\n").pieces


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([b"a", b"error", b"\xff", b"\x1b[1;31mred", b"\x1b]0;x\x07", b"\r", b"p 1%\rp 2%", b""]),
        max_size=40,
    )
)
def test_D02_D03_pieces_are_in_order_and_hold_no_control_but_colours(tmp_path, lines):
    found = _excerpt(tmp_path, b"\n".join(lines), 5)
    numbers = [each.first + at for each in found.pieces for at in range(len(each.lines))]
    assert numbers == sorted(set(numbers))
    text = "".join("".join(each.lines) for each in found.pieces).replace("\x1b[1;31m", "")
    assert text.isprintable()
    if found.error:
        assert found.error in numbers
