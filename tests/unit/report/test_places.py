from __future__ import annotations

import pytest

from farm.report.places import below, line_of


@pytest.mark.parametrize(
    ("folder", "path", "found"),
    [
        ("/p", "/p/a/b", "a/b"),
        ("/p", "/p/a/../b", "b"),
        ("/p", "/other/a", ""),
        ("/p", "/p/../a", ""),
        ("/p", "", ""),
        ("", "/p/a", ""),
    ],
)
def test_below(folder: str, path: str, found: str) -> None:
    assert below(folder, path) == found


@pytest.mark.parametrize(
    ("where", "line"),
    [("m.yaml:7:3", 7), ("a:b.yaml:7:3", 7), ("m.yaml", None), ("", None), ("m:x:1", None), ("m:²:1", None)],
)
def test_line_of(where: str, line: int | None) -> None:
    assert line_of(where) == line
