"""The range of ids that containers are mapped to."""

from __future__ import annotations

import pytest

from farm.kernel import subids
from farm.kernel.userns import IdMap

DEFAULT = IdMap(subids.DEFAULT_BASE, 65536)


@pytest.mark.parametrize(
    ("subuid", "subgid", "expected"),
    [
        ("", "", DEFAULT),
        ("root:100000:65536", "root:100000:65536", IdMap(100000)),
        ("root:100000:65536", "", DEFAULT),
        ("root:100000:65535", "root:100000:65536", DEFAULT),
        ("root:100000:65536\nfarm:500000:65536", "farm:500000:70000\nroot:100000:65536", IdMap(500000)),
        ("farm:500000:65536\nroot:100000:65536", "root:100000:65536", IdMap(100000)),
        ("alice:100000:65536", "alice:100000:65536", DEFAULT),
        ("root:100000:200000", "root:150000:65536", IdMap(150000)),
        ("root:1000:5\nroot:300000:65536", "root:300000:65536", IdMap(300000)),
        ("root:0:4294967295", "root:0:4294967295", IdMap(65536)),
        ("root:4294960000:65536", "root:4294960000:65536", DEFAULT),
    ],
)
def test_range_is_one_that_both_files_give(subuid: str, subgid: str, expected: IdMap) -> None:
    assert subids.id_map(subuid, subgid) == expected


@pytest.mark.parametrize(
    "line", ["root", "root:1", "root:a:b", "root:-5:65536", "root:٣:65536", "#", ":::", "root:1:2:3"]
)
def test_lines_that_are_no_ranges_are_passed_over(line: str) -> None:
    text = f"{line}\nroot:200000:65536\n"
    assert subids.id_map(text, text) == IdMap(200000)
