"""What is written down of a tree, and what is said of one that is another by now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.errors import ImageError
from farm.image import listing, trees


@pytest.fixture
def image(tmp_path: Path) -> Iterator[int]:
    """A descriptor of a folder with a small image in it."""
    (tmp_path / "rootfs/etc").mkdir(parents=True)
    (tmp_path / "rootfs/etc/passwd").write_text("root")
    (tmp_path / "rootfs/etc.d").write_text("sorts between etc and what is in it")
    (tmp_path / "rootfs/link").symlink_to("etc/passwd")
    (tmp_path / "rootfs/odd \n\\name").write_text("")
    os.link(tmp_path / "rootfs/etc/passwd", tmp_path / "rootfs/other")
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def written(fd: int) -> str:
    return listing.write(fd, lambda: False).digest


def test_a_tree_that_stayed_as_it_was_has_no_differences(image: int, tmp_path: Path) -> None:
    digest = written(image)
    (tmp_path / "image.json").write_text("not of the tree")
    assert list(listing.differences(image, digest)) == []
    text = (tmp_path / "tree").read_text()
    assert "odd\\040\\012\\134name\n" in text
    assert text.count("\n..\n") == 2


def test_each_difference_is_named(image: int, tmp_path: Path) -> None:
    digest, root = written(image), tmp_path / "rootfs"
    (root / "etc/passwd").write_text("toor")
    os.utime(root / "etc/passwd", (1, 1))
    (root / "etc.d").chmod(0o4755)
    (root / "link").unlink()
    (root / "link").mkdir()
    (root / "link/new").write_text("")
    (root / "odd \n\\name").unlink()
    (tmp_path / "beside").write_text("")
    assert list(listing.differences(image, digest)) == [
        "beside was added",
        "rootfs/etc/passwd has another time, content",
        "rootfs/etc.d has another mode",
        "rootfs/link has another kind, mode, time, content",
        "rootfs/link/new was added",
        "rootfs/odd\\040\\012\\134name is missing",
        "rootfs/other has another time, content",
    ]


def test_the_list_itself_is_not_believed(image: int, tmp_path: Path) -> None:
    digest = written(image)
    (tmp_path / "tree").write_bytes(b"")
    assert list(listing.differences(image, digest)) == ["the list of its files was changed"]
    (tmp_path / "tree").unlink()
    assert list(listing.differences(image, digest)) == ["the list of its files is missing"]


def test_a_tree_deeper_than_any_path(image: int, tmp_path: Path) -> None:
    fd = os.open(tmp_path / "rootfs", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 20, dir_fd=fd)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    digest = written(image)
    os.close(os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    (found,) = listing.differences(image, digest)
    assert found.endswith("d/new was added")
    trees.remove(image, "rootfs")


def test_hard_links_are_counted_once(image: int, tmp_path: Path) -> None:
    (tmp_path / "rootfs/large").write_bytes(bytes(1 << 20))
    for number in range(10):
        os.link(tmp_path / "rootfs/large", tmp_path / f"rootfs/{number}")
    assert 1 << 20 <= listing.write(image, lambda: False).disk_bytes < 2 << 20


def test_listing_can_be_given_up(image: int) -> None:
    with pytest.raises(ImageError, match="given up"):
        listing.write(image, lambda: True)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [(0, 5000)],
        [((8 << 20) - 10, 10)],
        [(0, 1), (3 << 20, 100), ((5 << 20) + 4096 * 3, 8192)],
        [((1 << 20) - 1, (1 << 20) + 2)],
    ],
)
def test_the_content_of_a_sparse_file_is_all_of_it_and_no_hole_is_read(
    image: int, tmp_path: Path, pieces: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rootfs/sparse"
    with path.open("wb") as file:
        file.truncate(8 << 20)
        for at, length in pieces:
            file.seek(at)
            file.write(b"x" * length)
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    read, count = os.read, 0

    def counting(fd: int, length: int) -> bytes:
        nonlocal count
        data = read(fd, length)
        count += len(data)
        return data

    monkeypatch.setattr(os, "read", counting)
    digest = written(image)
    assert count < sum(length for _, length in pieces) + 64 * 1024 * (1 + len(pieces))
    monkeypatch.undo()
    assert f" {wanted} sparse\n" in (tmp_path / "tree").read_text()
    assert list(listing.differences(image, digest)) == []
