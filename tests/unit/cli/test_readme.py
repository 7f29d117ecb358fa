"""README says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from farm.cli.main import cli, status

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()


def test_its_table_has_every_command_and_no_other() -> None:
    rows = re.findall(r"^\| `farm (\w+)", README, re.MULTILINE)
    assert sorted(rows) == sorted(cli.commands)


def test_its_matrix_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/alpine-3.20.tar.gz").write_bytes(b"")
    (tmp_path / "matrix.yaml").write_text(text)
    assert status(["list", str(tmp_path / "matrix.yaml")]) == 0
    assert "4 jobs" in capsys.readouterr().out


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_command_says_what_it_is_in_one_line() -> None:
    for name, command in cli.commands.items():
        said = command.get_short_help_str(limit=80)
        assert said.endswith("."), name
        assert "..." not in said, name
        assert isinstance(command, click.Command)
