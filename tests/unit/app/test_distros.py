from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from farm.app.digests import check_digests
from farm.app.distros import find_distro, find_file
from farm.errors import UsageError
from farm.image.digests import DigestCache
from farm.matrix.problems import MatrixError
from farm.model.distro import Distro, Source, SourceKind


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a matrix that defines ``mine`` and a catalogue that defines ``theirs``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tree").mkdir()
    (tmp_path / "root.tar").write_bytes(b"archive")
    (tmp_path / "matrix.yaml").write_text(
        'version: 1\ndistros: [{name: mine, rootfs: root.tar}]\njobs: {unit: {run: "true"}}\n'
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more/theirs.yaml").write_text("distros: [{name: theirs, rootfs: ../tree}]\n")
    return tmp_path


def test_names_come_from_the_matrix_the_catalogue_and_the_host(folder: Path) -> None:
    more = [str(folder / "more")]
    assert find_distro("mine", None, more).sources == (Source(SourceKind.TARBALL, str(folder / "root.tar")),)
    assert find_distro("theirs", None, more).sources == (Source(SourceKind.DIRECTORY, str(folder / "tree")),)
    assert find_distro("host", None, ()).sources[0].kind is SourceKind.HOST


def test_a_path_has_a_slash_in_it(folder: Path) -> None:
    assert find_distro("./root.tar", None, ()) == Distro(
        "root.tar", (Source(SourceKind.TARBALL, str(folder / "root.tar")),)
    )
    assert find_distro("tree/", None, ()) == Distro("tree", (Source(SourceKind.DIRECTORY, str(folder / "tree")),))


def test_a_matrix_that_is_named_has_to_be_there(folder: Path) -> None:
    assert find_distro("mine", str(folder / "matrix.yaml"), ()).name == "mine"
    with pytest.raises(MatrixError):
        find_distro("host", "nowhere.yaml", ())


@pytest.mark.parametrize(("wanted", "nearest"), [("mien", "mine"), ("hots", "host"), ("thiers", "theirs")])
def test_an_unknown_name_is_answered_with_the_nearest(folder: Path, wanted: str, nearest: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_distro(wanted, None, [str(folder / "more")])
    assert wanted in caught.value.brief
    assert nearest in caught.value.detail


def test_a_path_to_nothing_is_a_usage_error(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_distro("./nothing.tar", None, ())
    assert caught.value.detail == str(folder / "nothing.tar")


def test_every_wrong_digest_is_told_with_both_and_its_place(folder: Path) -> None:
    right, wrong = hashlib.sha256(b"archive").hexdigest(), "ab" * 32
    path = str(folder / "root.tar")
    good = Distro("good", (Source(SourceKind.TARBALL, path, right),), where="m.yaml:3:5")
    bad = [Distro(f"bad{n}", (Source(SourceKind.TARBALL, path, wrong),), where=f"m.yaml:{n}:7") for n in (4, 5)]
    cache = DigestCache(str(folder / "digests"))
    check_digests([good, Distro("host", (Source(SourceKind.HOST),))], cache)
    with pytest.raises(MatrixError) as caught:
        check_digests([good, *bad], cache)
    assert [(each.line, each.column) for each in caught.value.problems] == [(4, 7), (5, 7)]
    assert right in str(caught.value)
    assert wrong in str(caught.value)


def test_a_digest_is_that_of_one_file(folder: Path) -> None:
    sha256 = "AB" * 32
    assert find_file(["http://images.example/a.tar"], sha256).sources[0] == Source(
        SourceKind.URL, "http://images.example/a.tar", sha256.lower()
    )
    assert find_file(["./root.tar"], sha256).sources[0].sha256 == sha256.lower()
    for references in (
        ["mine"],
        ["./root.tar", "./root.tar"],
        ["./tree"],
        ["oci://registry.example/a:1"],
        ["./no.tar"],
    ):
        with pytest.raises(UsageError):
            find_file(references, sha256)
    with pytest.raises(UsageError, match="64 hex digits"):
        find_file(["./root.tar"], "ab")
