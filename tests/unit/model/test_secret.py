from __future__ import annotations

import pytest

from farm.model.secret import parts


@pytest.mark.parametrize(
    ("value", "covered"),
    [
        ("hunter2", ("hunter2",)),
        (" hunter2\n", ("hunter2",)),
        ("abc", ()),
        ("", ()),
        (" \n\t", ()),
        ("ab\ncd\nef", ()),
        ("{\n key: long\n}\n", ("{\n key: long\n}", "key: long")),
        ("first\r\nsecond", ("first\r\nsecond", "first", "second")),
        ("äö", ("äö",)),
    ],
)
def test_a_value_is_covered_whole_and_by_its_lines(value, covered) -> None:
    assert parts(value) == covered
