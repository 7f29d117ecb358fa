from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.cli.main import status


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in and one of further distros, with a store that is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FARM_DISTROS", str(tmp_path / "more"))
    (tmp_path / "more").mkdir()
    (tmp_path / "more/ours.yaml").write_text(
        "distros:\n- {name: old, arch: x86_64, eol: 2020-01-01, tags: [a, b], sources: [oci://host/a, oci://host/b]}\n"
        "- {name: new, rootfs: oci://host/new, eol: 9999-12-31}\n- {name: lost, rootfs: none.tar}\n"
    )
    return tmp_path


def test_a_row_has_what_there_is_to_know(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["image", "ls", "--available", "--format", "plain", "old", "new", "lost"]) == 0
    rows = {row.split()[0]: " ".join(row.split()) for row in capsys.readouterr().out.splitlines()}
    assert rows == {
        "name": "name arch eol tags image source",
        "lost": "lost no file or directory 'none.tar'",
        "new": "new 9999-12-31 oci://host/new",
        "old": "old x86_64 2020-01-01 past a b oci://host/a and 1 more",
    }


def test_programs_get_all_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["image", "ls", "--available", "--json", "old", "lost"]) == 0
    lost, old = json.loads(capsys.readouterr().out)
    assert lost == {"name": "lost", "problem": "no file or directory 'none.tar'"}
    assert old == {
        "name": "old",
        "arch": ["x86_64"],
        "eol": "2020-01-01",
        "past": True,
        "tags": ["a", "b"],
        "digest": "",
        "sources": ["oci://host/a", "oci://host/b"],
        "where": f"{folder}/more/ours.yaml:2:3",
    }


def test_the_whole_catalogue_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["image", "ls", "--available"]) == 0
    shown = capsys.readouterr().out
    for name in ("debian-12", "ubuntu-12.04", "alpine-edge", "old"):
        assert f"\n{name} " in shown


def test_images_have_no_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["image", "ls", "debian-12"]) == 4
    assert "--available" in capsys.readouterr().err


def test_a_name_that_nobody_knows_is_four(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["image", "ls", "--available", "debian12"]) == 4
    assert "did you mean 'debian-12'?" in capsys.readouterr().err
