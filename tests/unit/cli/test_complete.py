"""What shells are told: through click, and by a real bash where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from farm.cli.main import cli, status

MATRIX = """version: 1
distros: [host]
jobs:
  unit: {run: x, tags: [smoke, slow], strategy: {matrix: {opt: [O0, O2]}}}
  docs: {run: x}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "other.yaml").write_text(MATRIX.replace("docs", "other"))
    return tmp_path


def told(*arguments: str) -> list[str]:
    """The completions of the last of ``arguments``."""
    *before, incomplete = arguments
    found = ShellComplete(cli, {}, "farm", "_FARM_COMPLETE").get_completions(list(before), incomplete)
    return [item.value for item in found]


def test_commands_and_options() -> None:
    assert told("exp") == ["explain"]
    assert told("list", "--js") == ["--json"]


def test_ids_of_jobs_of_the_file_that_is_here_and_of_the_one_that_is_named() -> None:
    assert told("explain", "unit/") == ["unit/host[opt=O0]", "unit/host[opt=O2]"]
    assert told("explain", "d") == ["docs/host"]
    assert told("explain", "-f", "other.yaml", "o") == ["other/host"]


def test_distros_and_tags_of_its_jobs() -> None:
    assert told("list", "-d", "h") == ["host"]
    assert told("run", "-t", "s") == ["smoke", "slow"]


def test_distros_of_the_catalogue_where_any_will_do() -> None:
    assert "debian-12" in told("shell", "debian-")
    assert told("image", "pull", "ubuntu-14") == ["ubuntu-14.04", "ubuntu-14.10"]


def test_a_wrong_file_completes_nothing_and_says_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "matrix.yaml").write_text("jobs: [")
    assert told("explain", "u") == []
    assert told("shell", "debian-1") != []
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert "_FARM_COMPLETE" in said
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=said, text=True, check=False).returncode == 0


def test_the_shell_in_use_is_the_one_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert status(["completion"]) == 0
    assert "fish_complete" in capsys.readouterr().out
    monkeypatch.setenv("SHELL", "/bin/ash")
    assert status(["completion"]) == 4
    assert "name one of bash, zsh, fish" in capsys.readouterr().err


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("farm explain unit/host[opt=", ["O0]", "O2]"]),  # bash's own word begins after the =
        ("farm explain unit", ["unit/host[opt=O0]", "unit/host[opt=O2]"]),
        ("farm explain ", ["unit/host[opt=O0]", "unit/host[opt=O2]", "docs/host"]),
        ("farm list --job=un", ["unit/host[opt=O0]", "unit/host[opt=O2]"]),
        ("farm list --job=unit/host[opt=", ["O0]", "O2]"]),
        ("farm valid", ["validate"]),
        ("farm explain nothing", []),
    ],
)
def test_bash_itself(line: str, wanted: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    farm = folder / "farm"
    root = Path(__file__).resolve().parents[3]
    farm.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} -m farm "$@"\n')
    farm.chmod(0o755)
    asked = f"{script}\ncompopt() {{ :; }}\nCOMP_LINE='{line}' COMP_POINT={len(line)}\n_farm_completion ./farm\n"
    asked += 'for each in "${COMPREPLY[@]}"; do printf "%s\\n" "$each"; done\n'
    found = subprocess.run(["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True, env=os.environ)
    assert found.stdout.split("\n")[:-1] == wanted
