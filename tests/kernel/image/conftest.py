"""A store in a scratch folder, and what becomes of archives that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from farm.errors import ImageError
from farm.image.limits import UnpackLimits
from tests.kernel.image.archives import Images, Member, packed


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)


@pytest.fixture
def refused(images: Images) -> Callable[..., str]:
    """Import an archive that must be refused: nothing of it is left, nothing outside was touched. What was said."""

    def check(
        *members: Member, data: bytes | None = None, limits: UnpackLimits | None = None, name: str = "image.tar"
    ) -> str:
        path = images.write(packed(members) if data is None else data, name)
        with pytest.raises(ImageError) as caught:
            images.take(path, limits=limits)
        assert images.left() == []
        assert images.canary.read_text() == "untouched"
        assert caught.value.remedy
        return str(caught.value)

    return check
