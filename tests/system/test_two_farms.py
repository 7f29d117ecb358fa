"""C16: two farms on one host at once, with the same matrix, folder of images and folder of reports."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root


def test_C16_two_farms_at_once_share_everything_and_collide_in_nothing(farm, tmp_path):
    home = tmp_path / "fresh"  # both want to import the same image first
    numbers = ", ".join(str(each) for each in range(30))
    matrix = farm.write(f"  unit: {{run: 'echo $FARM_RUN', strategy: {{matrix: {{n: [{numbers}]}}}}}}")
    both = [farm.start("run", matrix, "-q", home=home) for _ in range(2)]
    for each in both:
        out, err = each.communicate(timeout=60 * farm.slowdown)
        assert each.returncode == 0, out + err
    runs = [each.name for each in farm.runs()]
    assert len(runs) == 2
    for run in runs:
        assert farm.outcomes(run) == {Outcome.PASSED: 30}
        logs = {path.read_text() for path in (farm.folder / "reports" / run).glob("logs/*/1.log")}
        assert logs == {run + "\n"}
    assert (farm.folder / "reports/latest").readlink().name in runs
    with closing(sqlite3.connect(farm.folder / "reports/history.sqlite")) as db:
        assert db.execute("SELECT count(*), count(DISTINCT run), count(DISTINCT job) FROM result").fetchone() == (
            60,
            2,
            30,
        )
    assert len(os.listdir(home / "store")) == 1
    assert os.listdir(home / "staging") == []


def test_C16_the_end_of_one_farm_leaves_the_other_alone(farm, living):
    staying = "sleep 4811"
    first = farm.start("run", farm.write(f"  unit: {{run: 'exec {staying}'}}"))
    assert farm.wait(lambda: len(living(staying)) == 1)
    assert farm.run("run", farm.write('  unit: {run: "true"}', "other.yaml")).returncode == 0
    assert farm.run("gc").returncode == 0
    assert len(living(staying)) == 1
    first.terminate()
    assert first.wait(30 * farm.slowdown) == 2


def test_an_image_in_use_is_not_removed(farm, living):
    staying = "sleep 4812"
    process = farm.start("run", farm.write(f"  unit: {{run: 'exec {staying}'}}"))
    assert farm.wait(lambda: len(living(staying)) == 1)
    digest = digest_of_small(farm)
    done = farm.run("image", "rm", digest)
    assert done.returncode == 4
    assert "in use" in done.stderr
    process.terminate()
    assert process.wait(30 * farm.slowdown) == 2
    assert digest_of_small(farm) == digest


def digest_of_small(farm):
    """The digest of the image that these tests run on."""
    rows = farm.run("image", "ls", "--format", "tsv").stdout.splitlines()[1:]
    sources = {row.split("\t")[-1].strip(): row.split("\t")[0].strip() for row in rows}
    wanted = farm.distro.rpartition(" ")[2].rstrip("}")
    return sources[wanted]
