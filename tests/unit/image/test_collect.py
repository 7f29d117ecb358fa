from __future__ import annotations

import pytest

from farm.image.collect import Rules, superfluous
from farm.image.store import Stored

NOW_S = 1_000_000.0
IMAGES = tuple(
    Stored(name * 64, NOW_S - age_s, size) for name, age_s, size in [("a", 10, 5), ("b", 100, 7), ("c", 50, 3)]
)


@pytest.mark.parametrize(
    ("rules", "busy", "going"),
    [
        (Rules(), "", ""),
        (Rules(older_than_s=60), "", "b"),
        (Rules(older_than_s=100), "", ""),
        (Rules(older_than_s=1), "", "bca"),
        (Rules(older_than_s=1), "c", "ba"),
        (Rules(most_bytes=15), "", ""),
        (Rules(most_bytes=14), "", "b"),
        (Rules(most_bytes=8), "", "b"),
        (Rules(most_bytes=7), "", "bc"),
        (Rules(most_bytes=8), "b", "ca"),
        (Rules(most_bytes=14, older_than_s=40), "", "bc"),
    ],
)
def test_what_goes_is_old_or_too_much_and_never_in_use(rules: Rules, busy: str, going: str) -> None:
    found = superfluous(IMAGES, rules, NOW_S, {each * 64 for each in busy})
    assert "".join(each.digest[0] for each in found) == going
