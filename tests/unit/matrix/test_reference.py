"""docs/matrix.md: each of its examples is right, and each key has one; what it says of defaults and templates is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from farm.matrix import schema
from farm.matrix.closed import Closed
from farm.matrix.expand import expand
from farm.matrix.load import load

PAGE = (Path(__file__).resolve().parents[3] / "docs/matrix.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FILES = ("test.env", "more.env", "images/web.tar.xz", "data/host/a", "results/b")
"""What examples name and is to be there."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("A=b\n")
    return tmp_path


def keys(model: type[Closed]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_is_right(number: int, folder: Path) -> None:
    path = folder / "matrix.yaml"
    path.write_text(EXAMPLES[number])
    matrix = load(str(path))
    assert expand(matrix)
    assert matrix.warnings == ()


def test_every_key_stands_in_an_example() -> None:
    jobs: dict[str, set[str]] = {}
    for text in EXAMPLES:
        for job in yaml.load(text, yaml.BaseLoader)["jobs"].values():
            for key, value in job.items():
                inner = value if isinstance(value, dict) else {}
                items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
                jobs.setdefault(key, set()).update(inner, *items)
                for each in inner.values() if key == "services" else ():
                    jobs.setdefault("a service", set()).update(each)
    assert set(jobs) - {"a service", "<<"} == keys(schema.JobEntry)
    assert jobs["resources"] == keys(schema.Resources)
    assert jobs["mounts"] == keys(schema.MountEntry)
    assert jobs["retries"] == keys(schema.RetriesEntry)
    assert jobs["artifacts"] == keys(schema.ArtifactsEntry)
    assert jobs["strategy"] == keys(schema.Strategy)
    assert jobs["a service"] == keys(schema.ServiceEntry) - {"sha256"}
    assert jobs["concurrency"] == {"group"}


def test_the_table_of_keys_says_where_they_may_stand() -> None:
    said = {}
    for names, where in re.findall(r"^\| ((?:`[a-z-]+` ?)+)\| ((?:[jid] ?)+)\|", PAGE, re.MULTILINE):
        said |= {key: set(where.split()) for key in re.findall(r"`([a-z-]+)`", names)}
    there = {key: {"j"} for key in keys(schema.JobEntry)}
    for key in keys(schema.CellEntry):
        there[key].add("i")
    for key in keys(schema.Defaults) - {"strategy"}:
        there[key].add("d")
    assert said == there


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("run", "x {}"), ("summary", "{}"), ("always", "{}"), ("debug", "{}"), ("env", {"A": "{}"}), ("hostname", "{}"),
        ("user", "{}"), ("working-directory", "/{}"), ("concurrency", "{}"), ("artifacts", ["/{}"]),
        ("mounts", [{"source": "{}", "target": "/{}"}]), ("services", {"a": {"distro": "host", "run": "{}"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_said_to_be_a_template_is_one(key: str, value: object, folder: Path) -> None:
    (folder / "host").mkdir()
    job = yaml.safe_load(yaml.safe_dump({"run": "x", key: value}).replace("{}", "{{ distro.name }}"))
    (folder / "matrix.yaml").write_text(yaml.safe_dump({"version": 1, "distros": ["host"], "jobs": {"unit": job}}))
    (found,) = expand(load(str(folder / "matrix.yaml"), shipped=""))
    field = {"working-directory": "working_directory", "concurrency": "group", "run": "script"}.get(key, key)
    assert "host" in repr(getattr(found, field))
    assert "{{" not in repr(found)
