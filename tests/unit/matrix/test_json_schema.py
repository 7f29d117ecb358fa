"""``farm schema``: right by the schema is what ``farm validate`` takes, and wrong what is wrong in one place alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from farm.matrix.json_schema import json_schema

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden"
OF_ONE_VALUE = re.compile(
    r"unknown key|has no key|is a (list|mapping)|out of range|not a (duration|size)|and there is nothing|is not a name for a"
    r" variable|the farm itself sets|is called '|is read as the|is wanted here"
)
NOT_TOLD = ("no job is called", "no distro", "no filter is called", "is not defined")
"""What the file as a whole is needed for."""

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


class EditorLoader(yaml.SafeLoader):
    """YAML as editors read it: dates are text."""


EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def examples() -> dict[str, str]:
    """Every matrix file that the project has, those of its pages included."""
    found = {
        str(file.relative_to(ROOT)): file.read_text().replace("distros: IMAGES", "distros: [host]")
        for file in (ROOT / "tests/system").glob("*.yaml")
    }
    found["matrix.yaml"] = (ROOT / "matrix.yaml").read_text()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        blocks = re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
        whole = [text for text in blocks if re.match(r"(#.*\n)*version: 1\n", text) and "jobs:" in text]
        found |= {f"{page.name} {number}": text for number, text in enumerate(whole, 1)}
    return found


def golden(*, good: bool) -> list[str]:
    texts = {file.stem: file.read_text() for file in sorted(GOLDEN.glob("*.txt"))}
    return [name for name, text in texts.items() if text.startswith("error: ") is not good]


def errors(text: str) -> list[Any]:
    return list(VALIDATOR.iter_errors(_with_keys_of_text(yaml.load(text, EditorLoader))))


def _with_keys_of_text(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _with_keys_of_text(item) for key, item in value.items()}
    return [_with_keys_of_text(item) for item in value] if isinstance(value, list) else value


def test_it_is_a_schema_of_the_draft_it_names() -> None:
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)
    assert VALIDATOR.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", examples())
def test_every_example_is_right(name: str) -> None:
    assert errors(examples()[name]) == []


@pytest.mark.parametrize("name", golden(good=True))
def test_every_good_file_is_right(name: str) -> None:
    assert errors((GOLDEN / f"{name}.yaml").read_text()) == []


def told_of_one_value() -> list[str]:
    """Bad files with an error that needs no look at the rest of the file."""
    found = []
    for name in golden(good=False):
        said = [line for line in (GOLDEN / f"{name}.txt").read_text().splitlines() if line.startswith((name, "./"))]
        if any("cannot be a key" in line for line in said):
            continue  # no YAML that others read
        if any(OF_ONE_VALUE.search(line) and not any(each in line for each in NOT_TOLD) for line in said):
            found.append(name)
    return found


@pytest.mark.parametrize("name", told_of_one_value())
def test_a_file_with_a_wrong_value_is_wrong(name: str) -> None:
    assert errors((GOLDEN / f"{name}.yaml").read_text())


def test_there_are_enough_such_files() -> None:
    assert len(told_of_one_value()) > 12


def test_every_unknown_key_is_found_where_it_is() -> None:
    found = errors((GOLDEN / "61-unknown-keys-on-every-floor.yaml").read_text())
    messages = "\n".join(error.message for error in _leaves(found))
    for key in (
        "distors",
        "timeuot",
        "matrxi",
        "neeeds",
        "timeout-minutes",
        "cpu",
        "traget",
        "whne",
        "imgae",
        "fail_fast",
    ):
        assert repr(key) in messages


def test_every_property_is_described() -> None:
    schema = VALIDATOR.schema
    for called, part in {"": schema, **schema["$defs"]}.items():
        for name, each in part.get("properties", {}).items():
            assert "description" in each or (called, name) == ("", "version"), f"{called}.{name}"


def _leaves(found: list[Any]) -> list[Any]:
    return [leaf for error in found for leaf in (_leaves(list(error.context)) if error.context else [error])]
