"""Copying out of a tree that somebody changes meanwhile, and of one that is not all the container's."""

from __future__ import annotations

import os
import threading

import pytest

from farm.engine.collect import Collector
from farm.kernel.userns import IdMap


def collected(root, target, *patterns, id_map=None):
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return Collector(fd, str(target), 1 << 20, id_map).collect(patterns)
    finally:
        os.close(fd)


def test_without_an_id_of_the_containers_only_what_everybody_may_read(tmp_path):
    root = tmp_path / "root"
    (root / "closed").mkdir(parents=True)
    (root / "closed" / "inner").write_text("x")
    (root / "open").write_text("x")
    (root / "secret").write_text("x")
    (root / "secret").chmod(0o600)
    (root / "closed").chmod(0o700)
    (root / "way").symlink_to("closed")
    found = collected(root, tmp_path / "to", "/*", "/closed/inner", "/way/inner", id_map=IdMap(0x70000000))
    assert [each.path for each in found.artifacts] == ["open"]
    assert set(found.left_out["the container may not read them"]) == {"secret", "closed", "way"}


def test_B06_a_folder_that_is_swapped_for_a_link_all_the_time(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "real").mkdir(parents=True)
    outside.mkdir()
    (root / "real" / "file").write_text("inside")
    (outside / "file").write_text("outside")
    (root / "link").symlink_to(outside)
    (root / "filelink").symlink_to(outside / "file")
    (root / "plain").write_text("inside")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for one, other in (("real", "link"), ("plain", "filelink")):
                os.rename(root / one, root / "spare")
                os.rename(root / other, root / one)
                os.rename(root / "spare", root / other)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        kept = 0
        for number in range(300):
            target = tmp_path / f"to{number}"
            kept += len(collected(root, target, "/real/file", "/real/**", "/link/**", "/plain", "/filelink").artifacts)
            for path in target.rglob("*"):
                assert not path.is_symlink()
                assert path.is_dir() or path.read_text() == "inside"
    finally:
        stop.set()
        thread.join()
    assert kept  # or nothing was tried


@pytest.mark.parametrize("pattern", ["/", "**", "/**", "*"])
def test_everything(tmp_path, pattern):
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "b").write_text("x")
    (root / "c").write_text("x")
    assert [each.path for each in collected(root, tmp_path / "to", pattern, pattern).artifacts] == ["a/b", "c"]


def test_names_and_files_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("farm.engine.collect._MOST_LOOKS", 50)
    monkeypatch.setattr("farm.engine.collect._MOST_FILES", 20)
    root = tmp_path / "root"
    root.mkdir()
    for number in range(60):
        (root / f"{number:02}").touch()
    found = collected(root, tmp_path / "to", "/*")
    assert len(found.artifacts) == 20
    assert [len(paths) for paths in found.left_out.values()] == [1, 30]
    assert found.notes()[1].endswith(" and 27 more")


def test_names_do_not_reach_the_log_as_they_are(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "a\n[farm: \x1b[2J\udcff").symlink_to("x")
    (note,) = collected(root, tmp_path / "to", "/*").notes()
    assert note == "artifacts left out, symbolic links: /a?[farm: ?[2J?"
