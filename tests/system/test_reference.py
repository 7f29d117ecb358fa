"""The examples of docs/matrix.md that need nothing but this host, from their file to a good end."""

from __future__ import annotations

import re

import pytest

from tests.system.conftest import ROOT

pytestmark = pytest.mark.root

PAGE = (ROOT / "docs/matrix.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
HERE = [number for number, text in enumerate(EXAMPLES) if "debian" not in text]


def test_most_of_them_need_no_more() -> None:
    assert len(HERE) >= 19


@pytest.mark.parametrize("number", HERE)
def test_an_example_ends_well(farm, number, monkeypatch):
    monkeypatch.setenv("DEPLOY_TOKEN", "of this test")
    for name in ("test.env", "more.env", "data/host/file", "results/file"):
        (farm.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (farm.folder / name).write_text("A=b\n")
    (farm.folder / "matrix.yaml").write_text(EXAMPLES[number])
    done = farm.run("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of this test" not in done.stdout
