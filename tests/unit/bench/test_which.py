"""Finding tools and their versions."""

from __future__ import annotations

import pytest

from bench.which import parsed, required
from farm.errors import FarmError


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("crun version 1.8.1\ncommit: f8a096be060b22ccd3d5f3ebe44108517fbf6c30", "1.8.1"),
        ("runc version 1.1.5+ds1\n", "1.1.5+ds1"),
        ("bubblewrap 0.8.0", "0.8.0"),
        ("Docker version 20.10.24+dfsg1, build 5d6db84", "20.10.24+dfsg1"),
        ("systemd 252 (252.39-1~deb12u2)\n+PAM", "252"),
        ("no number", ""),
    ],
)
def test_version(text: str, version: str) -> None:
    assert parsed(text) == version


def test_what_is_not_installed_says_which_package_has_it() -> None:
    with pytest.raises(FarmError) as caught:
        required("farm-no-such-program", "farm-package")
    assert (caught.value.brief, caught.value.detail) == ("not installed", "Debian's package farm-package has it")
