"""What a folder of reports remembers, over real runs: baselines, parts that become one run, and commands that ask."""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = pytest.mark.root


def test_the_next_run_says_what_is_new_and_commands_find_it(farm):
    farm.write("  unit: {run: 'true'}\n  docs: {run: 'false'}")
    assert farm.run("run").returncode == 1
    farm.write("  unit: {run: 'false'}\n  docs: {run: 'true'}")
    done = farm.run("run")
    first, second = (each.name for each in farm.runs())
    assert "failed unit/small (new): exit status 1" in done.stdout
    assert f"1 new, 1 fixed, 0 still failing, against {first}" in done.stdout
    assert (
        farm.run("run", "--baseline", second, "-k", "unit", "-q").stdout.count(f"1 still failing, against {second}")
        == 1
    )
    done = farm.run("run", "--baseline", "2000", "-k", "unit")
    assert (done.returncode, "there is no run 2000" in done.stderr) == (4, True)
    assert len(farm.runs()) == 3
    found = json.loads(farm.run("history", "unit/small", "--json").stdout)
    assert [each["outcome"] for each in found["results"]] == ["passed", "failed", "failed"]
    done = farm.run("diff", first, second)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        1,
        f"1 new, 1 fixed, 0 still failing: {second} against {first}",
    )
    assert farm.run("gc", "--keep", "30d", "--keep-runs", "1").returncode == 0
    assert len(farm.runs()) == 3
    done = farm.run("gc", "--keep-runs", "1", "--dry-run")
    assert f"would remove run {first}: " in done.stdout
    assert farm.run("gc", "--keep-runs", "1").returncode == 0
    assert len(farm.runs()) == 1
    assert farm.run("diff", first, second).returncode == 1


def test_parts_of_hosts_that_are_more_than_there_are_jobs_become_one_run(farm):
    matrix = farm.write("  unit: {run: 'echo here; true', strategy: {matrix: {n: [1, 2]}}}")
    for index in (1, 2, 3):
        done = farm.run("run", matrix, "--shard", f"{index}/3", "--reports", f"host-{index}")
        assert done.returncode == 0
        assert ("this part has no job" in done.stdout) is ("0 jobs good" in done.stdout)
    parts = [f"./host-{index}/latest" for index in (1, 2, 3)]
    done = farm.run("merge", *parts)
    assert (done.returncode, "2 jobs good" in done.stdout) == (0, True)
    assert [each.job.id for each in farm.record().jobs] == ["unit/small[n=1]", "unit/small[n=2]"]
    shutil.rmtree(farm.folder / "host-1")
    assert farm.run("logs", "unit/small[n=2]").stdout == "here\n"
    assert farm.run("report", "latest").stdout == f"{farm.runs()[0]}/index.html\n"
