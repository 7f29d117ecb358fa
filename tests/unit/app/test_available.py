"""What a matrix file could name, without asking, hashing or writing anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from farm.app.available import available, whole
from farm.errors import UsageError
from farm.image.record import Details, encode
from farm.image.remembered import Known, remember
from farm.image.store import Store
from farm.matrix.expand import expand
from farm.matrix.late import LateError
from farm.matrix.load import load
from farm.matrix.problems import MatrixError
from farm.model.distro import Facts, Image, Overlay

ONE, TWO, THREE = ("1" * 64, "2" * 64, "ab" * 32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with distros of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "distros").mkdir()
    (tmp_path / "root.tar").write_bytes(b"")
    (tmp_path / "distros/ours.yaml").write_text(
        "distros:\n"
        "- {name: mine-10, rootfs: ../root.tar, arch: x86_64, eol: 2020-01-01}\n"
        "- {name: mine-9, sources: [https://host/a.tar, oci://host/a]}\n"
        "- {name: mine-lost, rootfs: none.tar}\n"
        "- {name: mine-fixed, sources: [{rootfs: https://host/b.tar, sha256: " + THREE + "}]}\n"
        "- {name: debian-12, rootfs: host}\n"
    )
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(str(folder / "home"))


def put(store: Store, digest: str, source: str, facts: Facts = Facts()) -> None:  # noqa: B008  # a frozen value
    """An image, as far as one that is only listed has to be there."""
    where = Path(store.rootfs_dir, digest)
    where.mkdir(parents=True)
    image = Image(digest, source, (Overlay("/", (str(where / "rootfs"),)),), facts)
    (where / "image.json").write_bytes(encode(image, Details(0.0), str(where)))


def test_names_of_every_folder_are_there_once_in_the_order_of_their_numbers(folder: Path, store: Store) -> None:
    (folder / "more").mkdir()
    (folder / "more/x.yaml").write_text("distros: [{name: mine-11, rootfs: host}, {name: mine-9, rootfs: host}]\n")
    found = available([], ["more"], store)
    names = [each.name for each in found]
    assert len(names) == len(set(names)) > 100
    assert [name for name in names if name.startswith("mine")] == [
        "mine-9",
        "mine-10",
        "mine-11",
        "mine-fixed",
        "mine-lost",
    ]
    assert names.index("debian-9") < names.index("debian-10")
    (ours,) = (each for each in found if each.name == "debian-12")
    assert ours.distro is not None
    assert ours.distro.where.startswith("distros/ours.yaml")
    assert not os.path.exists(store.home)


def test_patterns_choose(folder: Path, store: Store) -> None:
    assert [each.name for each in available(["mine-*", "host", "mine-9"], [], store)] == [
        "host", "mine-9", "mine-10", "mine-fixed", "mine-lost",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no distro is called 'mine-90'"):
        available(["mine-90"], [], store)


def test_files_that_are_missing_are_told_in_its_row(folder: Path, store: Store) -> None:
    (lost,) = available(["mine-lost"], [], store)
    assert (lost.distro, lost.problem) == (None, "no file or directory 'none.tar'")


def test_files_that_are_wrong_end_it(folder: Path, store: Store) -> None:
    (folder / "distros/wrong.yaml").write_text("no\n")
    with pytest.raises(MatrixError, match=r"wrong\.yaml"):
        available(["mine-9"], [], store)


def test_an_image_of_any_source_is_seen(folder: Path, store: Store) -> None:
    put(store, ONE, str(folder / "root.tar"))
    put(store, TWO, "oci://host/a")
    put(store, THREE, "elsewhere")
    remember(store.references_dir, "oci://host/a", Known(TWO))
    found = {each.name: each.digest for each in available(["mine-*", "host"], [], store)}
    assert found == {"mine-10": ONE, "mine-9": TWO, "mine-fixed": THREE, "mine-lost": "", "host": ""}


def test_a_store_that_may_not_be_seen_is_no_error(folder: Path) -> None:
    class Closed(Store):
        def images(self) -> tuple[Image, ...]:
            raise UsageError("the store is root's")

    assert [each.digest for each in available(["mine-9"], [], Closed(str(folder)))] == [None]


LATE = """version: 1
distros: [mine-10]
jobs:
  unit: {run: "echo {{ distro.id }} of {{ distro.libc }}"}
  odd: {if: distro.libc == 'glibc', run: "true"}
  lacking: {run: "{{ distro.install }} make"}
  plain: {run: echo here}
"""


def test_a_job_is_whole_where_the_store_has_its_image_and_a_template_where_not(folder: Path, store: Store) -> None:
    (folder / "matrix.yaml").write_text(LATE)
    matrix = load("matrix.yaml")
    jobs = {each.test: each for each in expand(matrix)}
    assert all(whole(job, matrix, store) == job for job in jobs.values())
    assert not os.path.exists(store.home)

    put(store, ONE, str(folder / "root.tar"), Facts(id="alpine", libc="musl"))
    unit = whole(jobs["unit"], matrix, store)
    assert (unit.script, unit.late) == ("echo alpine of musl", False)
    odd = whole(jobs["odd"], matrix, store)
    assert odd.condition.startswith("its if is false")
    assert not odd.late
    assert whole(jobs["plain"], matrix, store) == jobs["plain"]
    with pytest.raises(LateError, match="lacks what lacking asks of it"):
        whole(jobs["lacking"], matrix, store)
