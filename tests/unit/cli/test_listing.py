"""``list``, ``validate`` and ``schema``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.cli.listing import COLUMNS
from farm.cli.main import status

MATRIX = """version: 1
distros: [host]
jobs:
  build: {run: make, tags: [quick]}
  unit:
    run: make check
    needs: [build]
    if: matrix.opt != 'O1'
    strategy: {matrix: {opt: [O0, O1], exclude: [{distro: "alpine-*"}], include: [{opt: O0, expect: fail}]}}
  late: {run: x, if: distro.libc == 'glibc'}
"""


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    path = tmp_path / "matrix.yaml"
    path.write_text(MATRIX)
    return path


def test_list_says_what_is_skipped_and_what_is_needed(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["list", "--format", "plain"]) == 0
    said = capsys.readouterr()
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in said.out.splitlines()}
    assert rows == {
        "job": "cpus memory timeout tags needs note",
        "build/host": "1 512 MiB 10m00s quick",
        "unit/host[opt=O0]": "1 512 MiB 10m00s build/host expect: fail",
        "unit/host[opt=O1]": "1 512 MiB 10m00s build/host skipped: its if is false: matrix.opt != 'O1'",
        "late/host": "1 512 MiB 10m00s if distro.libc == 'glibc'",
        "4": "jobs",
    }
    assert said.err.startswith("warning: matrix.yaml:9:59: this exclude matches nothing")


def test_a_column_that_would_be_empty_is_not_there(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["list", "-k", "build", "--format", "plain"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["job", "cpus", "memory", "timeout", "tags"]


def test_columns_may_be_chosen(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["list", "-k", "build", "--format", "plain", "--columns", "test,network,where,needs"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "test    network    where            needs",
        "build   none       matrix.yaml:4:3",
    ]
    assert status(["list", "--columns", ",".join(COLUMNS)]) == 0
    assert status(["list", "--columns", "job,colour"]) == 4
    assert "no column is called 'colour'; there are job, test," in capsys.readouterr().err


def test_list_for_programs(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["list", "--json"]) == 0
    said = capsys.readouterr()
    jobs = {job["id"]: job for job in json.loads(said.out)}
    assert said.err == ""
    assert jobs["unit/host[opt=O1]"]["skipped"] == "its if is false: matrix.opt != 'O1'"
    assert (jobs["late/host"]["skipped"], jobs["late/host"]["if"]) == ("", "distro.libc == 'glibc'")
    assert jobs["unit/host[opt=O0]"] == {
        "id": "unit/host[opt=O0]", "test": "unit", "distro": "host", "axes": {"opt": "O0"}, "shard": None, "summary": "",
        "tags": [], "needs": ["build/host"], "cpus": 1.0, "memory_bytes": 512 << 20, "pids": 256, "timeout_s": 600.0,
        "network": "none", "expect": "fail", "priority": 0, "skipped": "", "if": "", "where": "matrix.yaml:5:3",
    }  # fmt: skip


def test_validate_warns_and_is_good(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["validate"]) == 0
    said = capsys.readouterr()
    assert said.out == "matrix.yaml: 4 jobs on 1 distro, no errors, 1 warning\n"
    assert "did not" not in said.err
    assert said.err.count("warning: ") == 1


def test_validate_for_programs(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["validate", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["jobs"], found["distros"], found["errors"]) == (4, ["host"], [])
    assert [(each["line"], each["column"]) for each in found["warnings"]] == [(9, 59)]


def test_errors_for_programs_are_one_document_too(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    matrix.write_text(MATRIX.replace("needs: [build]", "needs: [biuld]").replace("tags: [quick]", "tgas: [quick]"))
    assert status(["validate", "--json"]) == 4
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert said.err == ""
    assert [(each["line"], each["message"], each["remedy"]) for each in found["errors"]] == [
        (4, "unknown key 'tgas'", "did you mean 'tags'?"),
        (7, "no job is called 'biuld'", "did you mean 'build'?"),
    ]


def test_a_file_that_is_not_there_is_an_error_for_programs_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["validate", "--json", "/no/such.yaml"]) == 4
    assert json.loads(capsys.readouterr().out)["errors"][0]["message"] == "no such file"


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["version", "distros", "jobs"]


@pytest.mark.parametrize("command", ["list", "validate", "explain", "schema", "init", "completion"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"farm {command}" in said.partition("\n")[2], said
