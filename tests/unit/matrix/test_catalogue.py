"""Catalogue files that are wrong: the errors name that file, and nothing else is blamed for them."""

from __future__ import annotations

import os

import pytest

from farm.matrix.load import load
from farm.matrix.problems import MatrixError

MATRIX = "version: 1\ndistros: [x]\njobs: {unit: {run: x, distros: ['x*']}}\n"


@pytest.mark.parametrize(
    ("catalogue", "matrix", "wanted"),
    [
        ("distros: [{name: x, rotfs: a}]\n", MATRIX, [
            "distros/x.yaml:1:11: a distro has no key 'rootfs', and needs one",
            "distros/x.yaml:1:21: unknown key 'rotfs'",
            "matrix.yaml:2:11: no distro is called 'x'",
        ]),
        ("distros: [{name: x, rootfs: a.tar}]\n", MATRIX, ["distros/x.yaml:1:29: no file or directory 'a.tar'"]),
        ("distros: [{name: x, rootfs: x.yaml}]\n", MATRIX, ["distros/x.yaml:1:29: 'x.yaml' is not a root filesystem"]),
        ("distros: [{name: x, rootfs: host}, {name: x, rootfs: host}]\n", MATRIX, [
            "distros/x.yaml:1:36: the distro 'x' is defined a second time; the first is at {}:1:11",
        ]),
        ("- x\n", MATRIX, [
            "distros/x.yaml:1:1: a file of distros is a mapping of keys and values, not a list",
            "matrix.yaml:2:11: no distro is called 'x'",
        ]),
        ("distros: [\n", MATRIX.replace("[x]", "[host]").replace("x*", "host"), ["distros/x.yaml:2:1: not YAML"]),
    ],
    ids=["unknown-key", "missing", "not-an-archive", "twice", "list", "not-yaml"],
)  # fmt: skip
def test_errors_of_a_catalogue_file(catalogue: str, matrix: str, wanted: list[str], tmp_path) -> None:
    (tmp_path / "distros").mkdir()
    (tmp_path / "distros" / "x.yaml").write_text(catalogue)
    (tmp_path / "matrix.yaml").write_text(matrix)
    with pytest.raises(MatrixError) as caught:
        load(str(tmp_path / "matrix.yaml"))
    found = [
        f"{os.path.relpath(problem.file, tmp_path)}:{problem.line}:{problem.column}: {problem.message}"
        for problem in caught.value.problems
    ]
    expected = [line.format(tmp_path / "distros" / "x.yaml") for line in wanted]
    assert len(found) == len(expected), found
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found


def test_a_missing_folder_of_distros_is_an_error(tmp_path) -> None:
    (tmp_path / "matrix.yaml").write_text(MATRIX.replace("x", "host"))
    with pytest.raises(MatrixError, match="cannot read this folder of distros: No such file or directory"):
        load(str(tmp_path / "matrix.yaml"), (str(tmp_path / "none"),))
