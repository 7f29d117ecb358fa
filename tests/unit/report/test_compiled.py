"""Templates are compiled once, and never taken for what they are not."""

from __future__ import annotations

import os

import jinja2
import pytest

from farm.report.compiled import Compiled


def environment(templates: str, text: str, options: str = "") -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.DictLoader({"page": text}), autoescape=True, bytecode_cache=Compiled(templates, options)
    )


def rendered(templates: str, text: str, options: str = "") -> str:
    return environment(templates, text, options).get_template("page").render(name="x")


def kept(templates: str) -> list[str]:
    return [f"{templates}/__pycache__/{name}" for name in os.listdir(f"{templates}/__pycache__")]


def test_a_template_is_kept_compiled_and_taken_from_there(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    templates = str(tmp_path)
    assert rendered(templates, "a {{ name }}") == "a x"
    (path,) = kept(templates)
    made = os.stat(path).st_ino
    assert rendered(templates, "a {{ name }}") == "a x"
    assert os.stat(path).st_ino == made
    assert rendered(templates, "b {{ name }}") == "b x"  # another text under the same name
    assert os.stat(path).st_ino != made


def test_other_options_are_another_template(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    rendered(str(tmp_path), "a {{ name }}", "one")
    (path,) = kept(str(tmp_path))
    made = os.stat(path).st_ino
    rendered(str(tmp_path), "a {{ name }}", "other")
    assert os.stat(path).st_ino != made


def test_what_is_cut_short_is_compiled_again(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    templates = str(tmp_path)
    rendered(templates, "a {{ name }}")
    (path,) = kept(templates)
    whole = os.path.getsize(path)
    for length in range(0, whole, 7):
        os.truncate(path, length)
        assert rendered(templates, "a {{ name }}") == "a x"
        assert os.path.getsize(path) == whole


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/null"])
def test_a_folder_that_cannot_be_written_is_no_error(folder, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    assert rendered(folder, "a {{ name }}") == "a x"
