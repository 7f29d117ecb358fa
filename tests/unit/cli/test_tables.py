"""Tables that fit a terminal, and that are whole where there is none."""

from __future__ import annotations

import pytest

from farm.cli.available import _HEADER, _NARROW
from farm.cli.main import status
from farm.cli.tables import table

ROWS = [
    ("ubuntu-12.04", "x86_64", "2017-04-28 past", "ubuntu lts old eol", "", f"https://host/{'long/' * 30}x.tar.gz"),
    ("debian-12", "x86_64 aarch64", "2028-06-30", "debian", "0123456789ab", "oci://host/debian and 2 more"),
    ("x" * 19, "x86_64", "", "", "", "a"),
]


@pytest.mark.parametrize("width", [80, 100, 120, 300])
def test_a_table_is_no_wider_than_the_terminal(width: int) -> None:
    shown = table(ROWS, _HEADER, "simple", _NARROW, width)
    assert max(map(len, shown.splitlines())) <= width
    assert "0123456789ab" in shown  # to be copied


def test_without_a_terminal_each_row_is_one_line() -> None:
    shown = table(ROWS, _HEADER, "simple", _NARROW, 0).splitlines()
    assert len(shown) == 2 + len(ROWS)
    assert shown[2].endswith(ROWS[0][-1])


def test_no_rows_are_a_header() -> None:
    assert table([], _HEADER, "simple", _NARROW, 80).splitlines()[0].split() == list(_HEADER)


@pytest.mark.parametrize("command", [["image", "ls"], ["image", "ls", "--available"], ["list"], ["doctor"]])
def test_a_format_that_there_is_not_is_refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert status([*command, "--format", "bogus"]) == 4
    said = capsys.readouterr().err
    assert "no format is called 'bogus'" in said
    assert "github" in said
