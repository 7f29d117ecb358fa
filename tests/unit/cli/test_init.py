"""``init``: what it writes is right, and it writes over nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.cli.main import status


def test_the_file_is_right_at_once_and_has_jobs_on_this_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my-project").mkdir()
    monkeypatch.chdir(tmp_path / "my-project")
    assert status(["init"]) == 0
    assert "wrote matrix.yaml" in capsys.readouterr().out
    assert status(["list", "--json"]) == 0
    listed = capsys.readouterr()
    for job in ("hello/host[greeting=hello]", "hello/host[greeting=goodbye]", "unit/host"):
        assert job in listed.out
    assert listed.err == ""
    assert "name: my-project\n" in Path("matrix.yaml").read_text()


def test_what_is_commented_out_is_right_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert status(["init", "all.yaml"]) == 0
    text = Path("all.yaml").read_text()
    for key in ("prepare: ", "needs: ", "retries: ", "artifacts: ", "- debian-12", '- "ubuntu-2*"'):
        assert f"# {key}" in text
        text = text.replace(f"# {key}", key)
    Path("all.yaml").write_text(text)
    assert status(["list", "all.yaml"]) == 0


def test_a_file_that_is_there_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("matrix.yaml").write_text("mine")
    assert status(["init"]) == 4
    assert "matrix.yaml is there already" in capsys.readouterr().err
    assert Path("matrix.yaml").read_text() == "mine"
    assert status(["init", "no/such/folder.yaml"]) == 4


def test_a_folder_with_an_odd_name_gives_a_file_that_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "10: a 'folder'").mkdir()
    monkeypatch.chdir(tmp_path / "10: a 'folder'")
    assert status(["init"]) == 0
    assert status(["list"]) == 0
