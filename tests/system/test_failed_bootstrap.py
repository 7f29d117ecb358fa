"""Bootstraps that fail in a run: told once with their log, an error of their jobs and of no others."""

from __future__ import annotations

import re

import pytest

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

# Nobody answers there, and nothing is sent to anybody else: what the host lacks of the tools is not the point either.
LOST = "{bootstrap: {manager: %s, release: none, repositories: ['http://127.0.0.1:9/none'], packages: [bash]}}"


def test_one_that_fails_is_shown_once_with_its_log_and_others_run(farm, tmp_path):
    lost = f"{{name: lost, sources: [{LOST % 'apt'}]}}"
    matrix = farm.write("  unit: {run: 'true', strategy: {matrix: {n: [1, 2, 3]}}}", distros=f"{farm.distro}, {lost}")
    done = farm.run("run", matrix, home=tmp_path / "fresh")
    assert done.returncode == 6, done.stdout + done.stderr
    assert farm.outcomes() == {Outcome.ERROR: 3, Outcome.PASSED: 3}
    (log,) = (farm.folder / "reports/latest/bootstrap").iterdir()
    assert re.fullmatch(r"lost-[0-9a-f]{8}\.log", log.name)
    assert (
        done.stdout.count("the bootstrap of none from http://127.0.0.1:9/none failed") == 1 + 3 + 1
    )  # told, once a job, and in the summary
    (reason,) = {each.reason for each in farm.record().jobs if each.outcome is Outcome.ERROR}
    assert reason.endswith(f"log: bootstrap/{log.name}")
    ((kind, text),) = farm.record().notes
    assert kind == "build"
    assert log.read_text().splitlines()[-1].strip()[:40] in text
    assert list((tmp_path / "fresh/staging").glob("*")) == []


def test_pull_says_what_it_printed_last(farm, tmp_path):
    (tmp_path / "distros").mkdir()
    text = f"distros: [{{name: lost, sources: [{LOST % 'apt'}]}}]"
    (tmp_path / "distros/lost.yaml").write_text(text)
    done = farm.run("image", "pull", "lost", home=tmp_path / "fresh")
    assert done.returncode == 6
    brief, _, _, log, *last = done.stderr.splitlines()[-(4 + 5) :]
    assert brief == "error: the bootstrap of none from http://127.0.0.1:9/none failed"
    assert log.startswith(f"log: {tmp_path}/fresh/failed/")
    assert all(each.startswith("  ") for each in last)
