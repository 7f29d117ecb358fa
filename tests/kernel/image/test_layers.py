"""A04: layers of OCI images, with whiteouts, as the image spec has them; images on the disk."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
from pathlib import Path

import pytest

from farm.errors import ImageError
from farm.image.limits import UnpackLimits
from tests.kernel.image.archives import entry, folder, hard_link, packed, symlink

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def tree(root):
    """Every path below ``root``, files with what they hold."""
    found = {}
    for path in sorted(Path(root).rglob("*")):
        name = str(path.relative_to(root))
        found[name] = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else None
    return found


class Layout:
    """An OCI image layout in a folder, written member by member."""

    def __init__(self, path):
        self.path = path
        (path / "blobs/sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data, kind):
        digest = hashlib.sha256(data).hexdigest()
        (self.path / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    def write(self, layers, architecture=ARCHITECTURE, *, compress=False):
        diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
        config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        manifest = {
            "schemaVersion": 2,
            "config": self.blob(json.dumps(config).encode(), "config.v1+json"),
            "layers": [
                self.blob(gzip.compress(layer, mtime=0), "layer.v1.tar+gzip")
                if compress
                else self.blob(layer, "layer.v1.tar")
                for layer in layers
            ],
        }
        described = self.blob(json.dumps(manifest).encode(), "manifest.v1+json")
        described["platform"] = {"architecture": architecture, "os": "linux"}
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
        return self.path


@pytest.fixture
def layered(images, tmp_path):
    """Import an image of layers, each a list of members; its tree."""

    def take(*layers):
        path = Layout(tmp_path / "layout").write([packed(each) for each in layers])
        return tree(images.take(path).overlays[0].lowers[0])

    return take


BELOW = [folder("d"), entry("d/a", b"below"), folder("d/sub"), entry("d/sub/b", b"below"), entry("top", b"below")]


@pytest.mark.parametrize(
    ("above", "left"),
    [
        ([entry("d/.wh.a")], {"d", "d/sub", "d/sub/b", "top"}),
        ([entry("d/.wh.sub")], {"d", "d/a", "top"}),
        ([entry(".wh.d")], {"top"}),
        ([folder("d"), entry("d/.wh..wh..opq")], {"d", "top"}),
        ([folder("d"), entry("d/new"), entry("d/.wh..wh..opq")], {"d", "d/new", "top"}),
        ([entry("d/sub/new"), entry("d/.wh..wh..opq")], {"d", "d/sub", "d/sub/new", "top"}),
        ([entry(".wh..wh..opq"), entry("only")], {"only"}),
        ([entry("d/.wh.a"), entry("d/a", b"above")], {"d", "d/a", "d/sub", "d/sub/b", "top"}),
        ([entry("d/a", b"above"), entry("d/.wh.a")], {"d", "d/a", "d/sub", "d/sub/b", "top"}),
        ([entry("d", b"a file now")], {"d", "top"}),
        ([symlink("d", "top")], {"d", "top"}),
        ([entry(".wh.no-such"), entry("no/such/.wh.x"), entry("top/.wh.x"), entry("no/.wh..wh..opq")], None),
        ([entry(".wh..wh.aufs"), folder(".wh..wh.orph"), entry("d/.wh..wh.plnk")], None),
        ([hard_link("copy", "top"), entry(".wh.top")], {"copy", "d", "d/a", "d/sub", "d/sub/b"}),
    ],
)
def test_A04_whiteouts_hide_what_is_below_and_nothing_else(layered, above, left):
    found = set(layered(BELOW, above))
    assert found == (left if left is not None else {"d", "d/a", "d/sub", "d/sub/b", "top"})


def test_A04_what_is_hidden_in_one_layer_may_come_again_in_the_next(layered):
    assert layered(BELOW, [entry(".wh.d")], [entry("d/a", b"again")]) == {"d": None, "d/a": "again", "top": "below"}


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh..", "d/.wh..."])
def test_A04_a_whiteout_of_no_name_is_refused_and_the_root_survives(layered, images, name):
    with pytest.raises(ImageError, match="whiteout that is refused"):
        layered(BELOW, [entry(name)])
    assert images.left() == []


@pytest.mark.parametrize("up", ["../" * 20, "/"])
def test_A04_a_whiteout_below_a_link_stays_inside(layered, images, up):
    outside = str(images.folder).lstrip("/")
    found = layered(
        [folder(outside), entry(f"{outside}/canary", b"inside"), symlink("link", up + outside)],
        [entry("link/.wh.canary"), entry("link/.wh..wh..opq")],
    )
    assert images.canary.read_text() == "untouched"
    assert f"{outside}/canary" not in found
    assert outside in found


def test_A04_in_an_archive_that_is_no_layer_they_are_files(images):
    root = images.root(entry("a", b"here"), entry(".wh.a"), entry(".wh..wh..opq"))
    assert set(tree(root)) == {"a", ".wh.a", ".wh..wh..opq"}


def test_limits_are_those_of_all_layers_together(images, tmp_path):
    path = Layout(tmp_path / "layout").write([packed([entry(f"{layer}-{n}") for n in range(40)]) for layer in range(3)])
    with pytest.raises(ImageError, match="too large"):
        images.take(path, limits=UnpackLimits(members=130 - 5 * 4))
    assert images.left() == []


@pytest.mark.parametrize("newer", [True, False])
def test_an_archive_of_docker_save_is_its_layers(images, tmp_path, newer):
    """Newer ones are a layout as well; in older ones a layer may be a link to another."""
    one, two = packed(BELOW), packed([entry("d/.wh.a"), entry("new", b"above")])
    saved = json.dumps(
        [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["one/layer.tar", "two/layer.tar"]}]
    ).encode()
    members = [
        entry("manifest.json", saved),
        entry("three/layer.tar", one),
        symlink("one/layer.tar", "../three/layer.tar"),
        entry("two/layer.tar", two),
    ]
    if newer:
        layout = Layout(tmp_path / "layout").write([one, two])
        files = [path for path in layout.rglob("*") if path.is_file()]
        members += [entry(str(path.relative_to(layout)), path.read_bytes()) for path in files]
    found = tree(images.root(*members))
    assert found == {"d": None, "d/sub": None, "d/sub/b": "below", "new": "above", "top": "below"}


def test_an_image_for_another_machine_says_which_there_is(images, tmp_path):
    path = Layout(tmp_path / "layout").write([packed(BELOW)], architecture="sparc64")
    with pytest.raises(ImageError, match=r"(?s)nothing for this machine.*there are: sparc64"):
        images.take(path)
    assert images.left() == []


def test_A09_a_layer_that_changed_names_both_digests(images, tmp_path):
    path = Layout(tmp_path / "layout").write([packed(BELOW)])
    blob = max((path / "blobs/sha256").iterdir(), key=lambda each: each.stat().st_size)
    blob.write_bytes(blob.read_bytes().replace(b"below", b"wrong"))
    with pytest.raises(ImageError, match=f"(?s)wrong digest.*{blob.name}.*found"):
        images.take(path)
    assert images.left() == []


def test_A09_a_layer_that_is_missing_is_named(images, tmp_path):
    path = Layout(tmp_path / "layout").write([packed(BELOW)])
    blob = max((path / "blobs/sha256").iterdir(), key=lambda each: each.stat().st_size)
    blob.unlink()
    with pytest.raises(ImageError, match=f"(?s)no whole image.*{blob.name}"):
        images.take(path)
    assert images.left() == []


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b"[" * 100_000,
        b'{"layers": [1]}',
        b'{"manifests": [{"digest": "sha256:zz"}]}',
        b"null",
    ],
)
def test_an_index_that_is_none_is_one_error(images, tmp_path, document):
    path = Layout(tmp_path / "layout").write([packed(BELOW)])
    (path / "index.json").write_bytes(document)
    with pytest.raises(ImageError, match=r"no image|nothing for this machine") as caught:
        images.take(path)
    assert caught.value.remedy
    assert images.left() == []


def test_A02_an_index_that_is_a_link_to_the_host_is_not_followed(images):
    secret = images.folder / "secret"
    secret.write_text(json.dumps([{"Layers": ["x"]}]))
    root = images.root(
        entry("oci-layout", b"{}"), symlink("manifest.json", str(secret)), symlink("index.json", "/etc/passwd")
    )
    assert "manifest.json" in tree(root)
