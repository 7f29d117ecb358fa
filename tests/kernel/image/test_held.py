"""``farm shell`` and ``farm gc`` at the same moment."""

from __future__ import annotations

import contextlib

import pytest

from farm.app import shell
from farm.image.progress import Told
from farm.image.store import Store
from farm.model.distro import Distro, Source, SourceKind

QUIET = Told(lambda *_: None, lambda *_: None)
pytestmark = pytest.mark.root


class Raided(Store):
    """A store whose image somebody else removes just before it is held, ``times`` times."""

    times = 0

    def hold(self, digest, *, use=True):
        if self.times:
            self.times -= 1
            self.remove(digest)
        return super().hold(digest, use=use)


def test_an_image_that_goes_before_it_is_held_is_made_anew(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("x")
    store = Raided(str(tmp_path / "home"))
    store.times = 2
    with contextlib.ExitStack() as held:
        image = shell._held(Distro("mine", (Source(SourceKind.DIRECTORY, str(tree)),)), store, held, QUIET)
        assert store.times == 0
        assert store.lookup(image.digest) == image
        assert store.in_use(image.digest)
    assert not store.in_use(image.digest)
