"""Wrong matrix files, and the messages that each gives: place, brief and remedy, exactly. The table is bad_files.txt."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from farm.matrix.expand import expand
from farm.matrix.load import load
from farm.matrix.problems import MatrixError

HEAD = "version: 1\ndistros: [host]\n"


def table() -> dict[str, tuple[str, list[str]]]:
    """Name to file and errors."""
    cases = {}
    text = (Path(__file__).parent / "bad_files.txt").read_text(encoding="utf-8")
    for block in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition("\n")
        lines = rest.rstrip("\n").split("\n")
        errors = [line.removeprefix("!!! ") for line in lines if line.startswith("!!! ")]
        file = [line for line in lines if not line.startswith("!!! ")]
        cases[name] = ("\n".join(file) + "\n", errors)
    return cases


CASES = table()


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_file_gives_exactly_these_errors(name: str, tmp_path) -> None:
    text, wanted = CASES[name]
    path = tmp_path / "matrix.yaml"
    path.write_text(text, encoding="utf-8")
    problems = problems_of(path)
    patterns = [re.escape(line).replace(r"\ \*", " .*") for line in wanted]
    assert wanted
    assert len(problems) == len(wanted), problems
    for found, line, pattern in zip(problems, wanted, patterns, strict=True):
        assert re.fullmatch(pattern, found), f"wanted {line!r}, got {found!r}"


def test_the_table_is_not_cut_short() -> None:
    assert len(CASES) > 80


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "0:0: the file is empty | begin with: version: 1"),
        ("name: \x01\n", '1:7: not YAML: the character U+0001 is not allowed | write it as "\\u0001" in double quotes'),
        (
            HEAD + f"jobs: {{unit: {{run: '{'x' * (128 << 10)}'}}}}\n",
            "3:20: longer than 128 KiB, the most that Linux passes as one argument",
        ),
    ],
    ids=["D04-empty", "D04-control-character", "script-too-long"],
)
def test_files_that_a_table_cannot_hold(text: str, wanted: str, tmp_path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(text, encoding="utf-8")
    assert problems_of(path) == [wanted]


def problems_of(path) -> list[str]:
    with pytest.raises(MatrixError) as caught:
        expand(load(str(path), shipped=""))
    assert "Traceback" not in str(caught.value)
    return [
        f"{problem.line}:{problem.column}: {problem.message}" + (f" | {problem.remedy}" if problem.remedy else "")
        for problem in caught.value.problems
    ]


def test_all_errors_are_shown_at_once_each_with_its_line(tmp_path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(
        textwrap.dedent("""\
        version: 2
        nmae: hello
        distros: [host, mint]
        env: {OK: "{{ nothing }}"}
        jobs:
          unit:
            run: echo {{ matrix.x }}
            timeout: soon
        """)
    )
    with pytest.raises(MatrixError) as caught:
        load(str(path), shipped="")
    assert str(caught.value) == textwrap.dedent(f"""\
        matrix.yaml has 6 errors
        {path}:1:10: version '2' is not known
             1 | version: 2
               |          ^
          this farm reads version: 1
        {path}:2:1: unknown key 'nmae'
             2 | nmae: hello
               | ^
          did you mean 'name'?
        {path}:3:17: no distro is called 'mint'
             3 | distros: [host, mint]
               |                 ^
          known here: host
        {path}:4:15: 'nothing' is not defined; there are matrix, distro, job and env
             4 | env: {{OK: "{{{{ nothing }}}}"}}
               |               ^
        {path}:7:25: 'x' is not defined here; there are none
             7 |     run: echo {{{{ matrix.x }}}}
               |                         ^
        {path}:8:14: not a duration: 'soon'
             8 |     timeout: soon
               |              ^
          write it like 90s, 10m or 1h30m""")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "this is a directory"),
        (lambda path: path.write_bytes(b"x" * ((1 << 20) + 1)), "larger than 1 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(make, message: str, tmp_path) -> None:
    path = tmp_path / "m.yaml"
    make(path)
    with pytest.raises(MatrixError) as caught:
        load(str(path))
    assert str(caught.value).startswith(f"m.yaml has 1 error\n{path}: {message}")


def test_D04_a_file_without_end_is_read_to_its_bound_only() -> None:
    with pytest.raises(MatrixError, match="larger than 1 MiB"):
        load("/dev/zero")


def test_D04_bytes_that_are_not_utf8_are_named_with_their_place(tmp_path) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(b"version: 1\nname: gr\xfcn\n")
    assert problems_of(path) == ["2:9: not UTF-8: byte 0xfc at offset 19 | save the file as UTF-8"]
