"""Every test of the kernel suite runs as root and leaves nothing behind."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(__file__).rpartition("/")[0] + "/"
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.root)


@pytest.fixture(autouse=True)
def _nothing_left(nothing_left: None) -> None:
    """Each test of this suite is held to it."""
