"""The range of ids comes from the host's own files, or is the default."""

from __future__ import annotations

import pytest

from farm.kernel.subids import id_map
from farm.kernel.userns import IdMap

DEFAULT = IdMap(0x70000000, 65536)


@pytest.mark.parametrize(
    ("subuid", "subgid", "expected"),
    [
        ("", "", DEFAULT),
        ("root:100000:65536\nfarm:300000:65536\n", "farm:300000:65536\nroot:100000:65536\n", IdMap(300000)),
        ("root:100000:65536", "root:100000:131072", IdMap(100000)),
        ("farm:300000:65536", "farm:400000:65536", DEFAULT),
        ("farm:300000:65535", "farm:300000:65536", DEFAULT),
        ("farm:0:65536", "farm:0:65536", DEFAULT),
        ("farm:x:65536\nfarm\n# no", "farm:x:65536", DEFAULT),
        ("other:300000:65536", "other:300000:65536", DEFAULT),
    ],
)
def test_id_map(subuid: str, subgid: str, expected: IdMap) -> None:
    assert id_map(subuid, subgid) == expected
