"""The schemas that readers of JUnit files are held to, and what is asserted of every file that the farm writes."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from farm.model.run import RunRecord
from farm.report import junit

FOLDER = Path(os.environ.get("FARM_TEST_JUNIT_SCHEMAS") or Path(__file__).parents[3].parent / "shared" / "junit")
FILES = {"jenkins": "jenkins-junit-10.xsd", "ant": "ant-junit.xsd"}
needs_schemas = pytest.mark.skipif(
    not all((FOLDER / each).is_file() for each in FILES.values()),
    reason=f"needs the schemas of JUnit readers, {' and '.join(FILES.values())}: not in {FOLDER}, set FARM_TEST_JUNIT_SCHEMAS",
)


def drawn(record: RunRecord, run_dir: object, dialect: str, project: str = "") -> bytes:
    """``junit.xml`` of ``record`` in ``dialect``."""
    asked = replace(record.info.asked, junit_dialect=dialect)
    return junit.render(replace(record, info=replace(record.info, asked=asked)), str(run_dir), project=project)


def read(text: bytes) -> Any:
    """The root of ``text``, whatever a schema says of it."""
    return pytest.importorskip("lxml.etree").fromstring(text)


def valid(text: bytes, dialect: str = "jenkins") -> Any:
    """The root of ``text``, which the schema of its ``dialect`` accepts.

    GitLab publishes none: without what it has beyond Jenkins' dialect, its own is held to that one.
    """
    root = read(text)
    _schema(dialect).assertValid(_plain(read(text)) if dialect == "gitlab" else root)
    for each in root.iter():
        assert re.fullmatch(r"\d+\.\d{3}", each.get("time", "0.000"))
    cases = list(root.iter("testcase"))
    assert len({(each.get("classname"), each.get("name")) for each in cases}) == len(cases)
    for suite in root:
        for count, path in (("tests", "."), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(count)) == len(suite.findall(f"testcase/{path}" if path != "." else "testcase"))
    return root


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one example of hypothesis, which outlives no fixture of a test."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


def _plain(root: Any) -> Any:
    for case in root.iter("testcase"):
        for name in ("file", "line"):
            case.attrib.pop(name, None)
        for each in case.findall("properties"):
            case.remove(each)
    return root


@functools.cache
def _schema(dialect: str) -> Any:
    etree = pytest.importorskip("lxml.etree")
    return etree.XMLSchema(etree.parse(str(FOLDER / FILES.get(dialect, FILES["jenkins"]))))
