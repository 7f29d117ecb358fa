"""What ``farm init`` writes runs at once on this host."""

from __future__ import annotations

import json

import pytest

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root


def test_a_new_file_runs_at_once(farm):
    assert farm.run("init").returncode == 0
    done = farm.run("run")
    assert done.returncode == 0, done.stderr
    assert farm.outcomes() == {Outcome.PASSED: 3}
    listed = json.loads(farm.run("list", "--json").stdout)
    assert [job["id"] for job in listed] == [record.job.id for record in farm.record().jobs]
    assert farm.run("init").returncode == 4
