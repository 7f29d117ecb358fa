"""``farm doctor`` as root on this host; what it looks at is in ``farm.kernel.probe`` and tested there."""

from __future__ import annotations

import json

import pytest

from farm.cli.main import status


def test_doctor_finds_this_host_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"namespaces", "overlayfs", "control groups", "network", "libseccomp", "space"} <= {c["name"] for c in found}
    assert all(set(c) == {"name", "status", "detail", "remedy"} for c in found)


def test_a_format_for_documents_has_one_line_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["doctor", "--format", "github"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("| ") and line.split("|")[1].strip() for line in lines if not line.startswith("|--"))
