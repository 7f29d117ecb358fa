"""Sources tried in turn: which one serves, what is said of those before it, and what ends it at once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
from pathlib import Path

import pytest

from farm.app.supply import Supply
from farm.app.turns import Turns
from farm.engine.build import LocalBuilder
from farm.errors import DiskError, GivenUpError, ImageError
from farm.image import fetch
from farm.image.choose import first_of
from farm.image.limits import UnpackLimits
from farm.image.store import Store
from farm.kernel import mount
from farm.model.distro import Distro, Image, Source, SourceKind
from farm.model.recipe import Recipe
from tests.kernel.image.archives import entry, packed
from tests.kernel.image.server import Web, serving

TURNS = Turns(LocalBuilder(None))
ONE, TWO = (packed([entry("hello", text)]) for text in (b"one", b"two"))


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.01)
    monkeypatch.setattr(fetch, "PATIENCE_S", (2.0, 1.0))
    with serving(Web({"/one.tar": ONE, "/two.tar": TWO})) as found:
        yield found


@pytest.fixture
def chosen(images, web):
    """Take a distro of these sources; a word is a path of the server, other sources are given as they are."""

    def take(*sources, fresh=False, arch="", **given):
        all_of_them = tuple(
            Source(SourceKind.URL, web.url + each) if isinstance(each, str) else each for each in sources
        )
        distro = Distro("d", all_of_them, arch=(arch,) if arch else ())
        return first_of(distro, given.pop("store", images.store), images.id_map, fresh=fresh, **given)

    return take


def text(found):
    return (Path(found.image.overlays[0].lowers[0]) / "hello").read_text()


def test_the_first_that_serves_is_the_image_and_it_is_recorded(web, chosen, images):
    found = chosen("/none.tar", "/two.tar", "/one.tar")
    assert (text(found), found.image.source, found.source.path) == ("two", *[f"{web.url}/two.tar"] * 2)
    assert found.why == f"cannot fetch {web.url}/none.tar: the server says 404 Not Found"
    assert images.store.lookup(found.image.digest).source == f"{web.url}/two.tar"
    assert chosen("/one.tar", "/two.tar", fresh=True).why == ""


def test_a_run_keeps_to_what_the_store_has_and_pull_does_not(web, chosen):
    there = web.files.pop("/one.tar")
    assert text(chosen("/one.tar", "/two.tar")) == "two"
    web.files["/one.tar"] = there
    asked = len(web.asked)
    again = chosen("/one.tar", "/two.tar")
    assert (text(again), again.why, len(web.asked)) == ("two", "the store has it already", asked)
    assert text(chosen("/one.tar", "/two.tar", fresh=True)) == "one"
    assert text(chosen("/one.tar", "/two.tar")) == "one"


def test_where_none_serves_there_is_one_error_with_a_line_for_each(web, chosen, images):
    (images.folder / "broken.tar").write_bytes(b"no archive")
    broken = Source(SourceKind.TARBALL, str(images.folder / "broken.tar"))
    with pytest.raises(ImageError) as caught:
        chosen("/none.tar", broken, Source(SourceKind.BOOTSTRAP, "bootstrap of sid from https://host"))
    assert caught.value.brief == "none of the 3 sources of d serves"
    assert [
        each in line
        for each, line in zip(
            ("none.tar: the server says 404", "broken.tar", "bootstrap of sid"),
            caught.value.detail.splitlines(),
            strict=True,
        )
    ] == [True] * 3
    assert images.left() == []


def test_a_sole_source_gives_its_own_error(web, chosen):
    with pytest.raises(ImageError, match=r"^cannot fetch .*none\.tar"):
        chosen("/none.tar")


def test_a_wrong_digest_is_passed_over(web, chosen):
    found = chosen(Source(SourceKind.URL, f"{web.url}/one.tar", "ab" * 32), "/two.tar")
    assert text(found) == "two"
    assert "wanted sha256" in found.why


def test_a_file_of_this_host_serves_before_what_was_fetched_for_those_after_it(web, chosen, images):
    path = images.folder / "own.tar"
    own = Source(SourceKind.TARBALL, str(path))
    assert text(chosen(own, "/two.tar")) == "two"
    path.write_bytes(ONE)
    assert text(chosen(own, "/two.tar")) == "one"
    path.write_bytes(packed([entry("hello", b"anew")]))
    assert text(chosen(own, "/two.tar")) == "anew"
    assert text(chosen("/three.tar", own)) == "anew"


def test_a_record_that_cannot_be_read_costs_its_own_source_only(web, chosen, images):
    first = chosen("/one.tar")
    (Path(images.store.rootfs_dir) / first.image.digest / "image.json").write_text("no record")
    found = chosen("/one.tar", "/two.tar")
    assert text(found) == "two"
    assert found.why


def test_a_folder_is_known_by_its_content(web, chosen, images):
    tree = images.folder / "tree"
    tree.mkdir()
    (tree / "hello").write_text("folder")
    own = Source(SourceKind.DIRECTORY, str(tree))
    assert text(chosen("/none.tar", own)) == "folder"
    web.files["/none.tar"] = ONE
    assert text(chosen("/none.tar", own)) == "folder"
    (tree / "hello").write_text("changed")
    assert text(chosen("/none.tar", own)) == "one"


def test_another_machine_is_an_error_and_no_request(web, chosen):
    other = "aarch64" if platform.machine() != "aarch64" else "x86_64"
    with pytest.raises(ImageError, match=f"d is for {other}") as caught:
        chosen("/one.tar", arch=other)
    assert platform.machine() in caught.value.detail
    assert web.asked == []
    assert text(chosen("/one.tar", arch=platform.machine())) == "one"


def test_what_nobody_needs_any_more_is_not_tried_elsewhere(web, chosen):
    web.stalls = True
    with pytest.raises(GivenUpError):
        chosen("/one.tar", "/two.tar", stopped=lambda: bool(web.asked))
    assert len(web.asked) == 1


@pytest.mark.root
def test_a_full_disk_is_no_reason_to_try_the_next(web, chosen, images, own_corner):
    home = images.folder / "small"
    home.mkdir()
    web.files["/big.tar"] = packed([entry("bulk", os.urandom(900_000))])
    mount.mount("tmpfs", str(home), "tmpfs", 0, "size=1m")
    try:
        with pytest.raises(DiskError, match="No space left"):
            chosen("/big.tar", "/two.tar", store=Store(str(home)))
        assert [path for path, _, _ in web.asked] == ["/big.tar"]
    finally:
        mount.umount2(str(home), 0)


def test_a_run_is_told_where_another_source_than_the_first_served(web, images):
    notes = []
    distro = Distro("d", tuple(Source(SourceKind.URL, f"{web.url}/{name}.tar") for name in ("none", "two")))
    with Supply(images.store, images.id_map, UnpackLimits(), notes.append, TURNS, str(images.folder)) as supply:
        assert isinstance(asyncio.run(supply.image(distro)), Image)
    assert notes[-1].startswith(
        f"d: from {web.url}/two.tar, because cannot fetch {web.url}/none.tar: the server says 404"
    )


def test_what_jobs_are_told_is_one_line(web, images):
    distro = Distro("d", tuple(Source(SourceKind.URL, f"{web.url}/{name}.tar") for name in ("none", "neither")))
    with Supply(images.store, images.id_map, UnpackLimits(), print, TURNS, str(images.folder)) as supply:
        said = asyncio.run(supply.image(distro)).reason
    assert said.startswith("image: none of the 2 sources of d serves; cannot fetch ")
    assert "\n" not in said


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_of_several_sources_the_one_that_is_locked_is_taken_first(web, chosen):
    two = Source(SourceKind.URL, f"{web.url}/two.tar", sha256=sha256(TWO))
    found = chosen("/one.tar", two, locked=sha256(TWO))
    assert (text(found), found.why, found.tried) == ("two", "it is the locked image", ())
    assert not any("/one.tar" in str(each) for each in web.asked)
    assert chosen("/one.tar", "/none.tar", locked=sha256(ONE)).why == ""


def test_a_source_that_became_another_image_is_passed_over_for_the_locked_one(web, chosen):
    found = chosen("/one.tar", "/none.tar", "/two.tar", locked=sha256(TWO))
    assert (text(found), found.tried) == ("two", ())
    assert found.why.startswith(f"{web.url}/one.tar: it is {sha256(ONE)}; cannot fetch {web.url}/none.tar")
    asked = len(web.asked)
    assert text(chosen("/one.tar", "/none.tar", "/two.tar", locked=sha256(TWO))) == "two"
    assert len(web.asked) == asked


def test_where_none_is_the_locked_one_all_that_was_tried_is_told(web, chosen):
    recipe = Recipe("apt", "sid", ("https://farm.invalid/debian",))
    bootstrap = Source(SourceKind.BOOTSTRAP, "bootstrap of sid", recipe=recipe)
    found = chosen(bootstrap, "/none.tar", "/one.tar", "/two.tar", locked="0" * 64)
    assert text(found) == "one"
    assert [each.removeprefix("cannot fetch ").split(": ")[0] for each in found.tried] == [
        f"{web.url}/none.tar",
        f"{web.url}/one.tar",
        f"{web.url}/two.tar",
        "bootstrap of sid",
    ]
    assert chosen("/one.tar", locked="0" * 64).tried == ()


def test_what_is_there_by_its_digest_is_asked_of_nobody_and_said_so(web, chosen):
    one = Source(SourceKind.URL, f"{web.url}/one.tar", sha256=sha256(ONE))
    assert not chosen(one, fresh=True).unasked
    asked = len(web.asked)
    assert chosen(one, fresh=True).unasked
    assert len(web.asked) == asked
    assert not chosen("/one.tar", fresh=True).unasked
