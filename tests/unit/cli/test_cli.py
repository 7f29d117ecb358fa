from __future__ import annotations

from pathlib import Path

import click
import pytest

from farm.cli import options
from farm.cli.main import message, status
from farm.cli.run import JUNIT_DIALECTS
from farm.errors import FarmError
from farm.report.junit import DIALECTS

MATRIX = """version: 1
name: small
distros: [host]
jobs:
  unit:
    run: "true"
    strategy: {matrix: {opt: [O0, O2]}}
"""


@pytest.fixture
def matrix(tmp_path: Path) -> str:
    path = tmp_path / "matrix.yaml"
    path.write_text(MATRIX)
    return str(path)


def test_list_shows_every_job(matrix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["list", matrix]) == 0
    shown = capsys.readouterr().out
    assert "unit/host[opt=O0]" in shown
    assert "unit/host[opt=O2]" in shown
    assert "2 jobs" in shown


@pytest.mark.parametrize("command", [["list"], ["doctor"], ["image", "ls"]])
def test_help_names_no_function_of_ours(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert status([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--format STYLE" in shown
    assert "_TABLE" not in shown


def test_list_of_nothing_is_five(matrix: str) -> None:
    assert status(["list", matrix, "-k", "nowhere"]) == 5


def test_validate_counts(matrix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["validate", matrix]) == 0
    assert "2 jobs on 1 distro," in capsys.readouterr().out


def test_a_wrong_file_is_a_message_and_four(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(MATRIX.replace("strategy", "stratgey"))
    assert status(["validate", str(path)]) == 4
    shown = capsys.readouterr().err
    assert "error: wrong.yaml has 1 error" in shown
    assert "strategy" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["list", "--nonsense"], ["run", "-j", "0"], ["list", "/no/such.yaml"]]
)
def test_a_wrong_command_line_is_four(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert status(arguments) == 4
    assert "Traceback" not in capsys.readouterr().err


def test_a_message_has_brief_detail_and_remedy_on_lines() -> None:
    assert message(FarmError("no", "why", "what to do")) == "error: no\nwhy\nwhat to do"
    assert message(FarmError("no")) == "error: no"


def test_list_of_one_id(matrix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["list", matrix, "--job", "unit/host[opt=O2]"]) == 0
    assert "1 job" in capsys.readouterr().out
    assert status(["list", matrix, "--job", "unit/host[opt=O3]"]) == 4
    assert "near it: unit/host[opt=O2]" in capsys.readouterr().err


def test_types_of_options() -> None:
    assert options.shard("1/4") == (0, 4)
    assert options.shard("4/4") == (3, 4)
    assert options.reserve("cpus=1.5, memory=2G") == (1.5, 2 << 30)
    assert options.reserve("memory=512M") == (0.0, 512 << 20)
    for parse, texts in (
        (options.shard, ["0/4", "5/4", "1", "a/b", "-1/4", "1/4/4"]),
        (options.reserve, ["", "cpus", "cpus=0", "cpus=1,cpus=2", "disk=1G", "memory=x"]),
    ):
        for text in texts:
            with pytest.raises(click.BadParameter):
                parse(text)


def test_x_is_maxfail_one_and_the_last_of_both_counts(matrix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr("farm.cli.run._show_plan", lambda given, as_json: seen.append(given.asked.max_fail) or 0)
    for more in ([], ["-x"], ["--maxfail", "3"], ["--exitfirst"], ["--until-fail"]):
        assert status(["run", matrix, "--dry-run", *more]) == 0
    assert seen == [0, 1, 3, 1, 1]


def test_home_and_catalogue_come_from_the_environment() -> None:
    assert options.home({"FARM_HOME": "/somewhere"}) == "/somewhere"
    assert options.catalogue({"FARM_DISTROS": "/a::/b"}) == ("/a", "/b")
    assert options.catalogue({}) == ()


def test_import_takes_no_address_and_says_what_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["image", "import", "https://images.example/a.tar"]) == 4
    assert "farm image pull https://images.example/a.tar" in capsys.readouterr().err
    assert status(["image", "import", "nowhere.tar"]) == 4
    assert "nowhere.tar" in capsys.readouterr().err


def test_every_dialect_of_junit_can_be_asked_for() -> None:
    assert tuple(DIALECTS) == JUNIT_DIALECTS
