"""Whole matrix files, good and bad: ``golden/NN-name.yaml`` and, beside it, every job of it or its exact errors.

Written anew by ``GOLDEN=write pytest tests/unit/matrix/test_golden.py``; what that changed is read before it is committed.
"""

from __future__ import annotations

import os
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path

import pytest

from farm.matrix.expand import expand
from farm.matrix.load import load
from farm.matrix.problems import MatrixError
from farm.model.job import Job

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.glob("*.yaml"))
USUAL = Job("", "", "", (), (), "")
NOT_SHOWN = {"id", "test", "distro", "argv", "where", "axes"}  # they are in the id, or in other fields


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_file_gives_exactly_this(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    found = told(f"{name}.yaml")
    wanted = FOLDER / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        wanted.write_text(found, encoding="utf-8")
        pytest.skip("written anew")
    assert found == wanted.read_text(encoding="utf-8")


def test_there_are_enough_of_both_kinds_and_no_others() -> None:
    texts = {file.stem: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.txt")}
    bad = [name for name, text in texts.items() if text.startswith("error: ")]
    assert sorted(texts) == [file.stem for file in FILES]
    assert len(bad) >= 25
    assert len(texts) - len(bad) >= 25
    assert len(texts) >= 60


def told(path: str) -> str:
    """Warnings and jobs of the file, or its errors, without the paths of this machine."""
    try:
        matrix = load(path)
        jobs = expand(matrix)
    except MatrixError as error:
        return _without_paths(f"error: {error}\n")
    lines = [f"warning: {problem}" for problem in matrix.warnings]
    lines += [f"distro: {distro.name}" for distro in matrix.distros if all(job.distro != distro.name for job in jobs)]
    for job in jobs:
        if job.shell == ("sh", "-e"):
            job = replace(job, shell=USUAL.shell)
        lines += [job.id, *(f"    {line}" for line in _changed(job, Job, NOT_SHOWN))]
    return _without_paths("\n".join(lines) + "\n")


def _changed(value: object, kind: type, hidden: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    """``field: value`` for what is not the model's own default."""
    lines = []
    for field in fields(kind):
        found = getattr(value, field.name)
        usual = field.default_factory() if field.default_factory is not MISSING else field.default
        if field.name not in hidden and found != usual:
            lines.append(f"{field.name}: {_shown(found)}")
    return lines


def _shown(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if is_dataclass(value):
        return "{" + ", ".join(_changed(value, type(value), {"where"})) + "}"
    if isinstance(value, tuple):
        if value and all(isinstance(each, tuple) and len(each) == 2 for each in value):
            return " ".join(f"{name}={text!r}" for name, text in value)
        return "[" + ", ".join(_shown(each) for each in value) + "]"
    return repr(value) if isinstance(value, str) else str(value)


def _without_paths(text: str) -> str:
    return text.replace(f"{FOLDER}/", "./").replace(str(FOLDER), ".")
