from __future__ import annotations

from pathlib import Path

import pytest

from farm.kernel.probe import Check, Status, check, existing, release


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("6.1.0-13-amd64", (6, 1)),
        ("5.10", (5, 10)),
        ("6.18.44-fc-v657", (6, 18)),
        ("5.4-rc1", (5, 4)),
        ("", (0, 0)),
        ("unknown", (0, 0)),
    ],
)
def test_a_release_is_two_numbers(text: str, numbers: tuple[int, int]) -> None:
    assert release(text) == numbers


def test_a_folder_that_is_not_there_yet_is_looked_for_above(tmp_path: Path) -> None:
    assert existing(str(tmp_path / "a" / "b")) == str(tmp_path)
    assert existing(str(tmp_path)) == str(tmp_path)
    assert existing("/") == "/"


def test_what_is_well_has_no_remedy() -> None:
    assert check("x", "", "found", "do this") == Check("x", Status.OK, "found", "")
    assert check("x", "broken", "found", "do this", Status.WARN) == Check("x", Status.WARN, "broken", "do this")
