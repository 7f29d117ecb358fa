from __future__ import annotations

import os
from pathlib import Path

import pytest

from farm.app.options import RunOptions
from farm.app.planning import plan
from farm.errors import UsageError
from farm.journal import history
from farm.journal.history import Result
from farm.model.rules import Shard
from farm.model.run import Asked

MATRIX = """version: 1
distros: [host]
jobs:
  build: {run: "true"}
  unit: {run: "true", needs: [build], retries: 1, strategy: {matrix: {n: [1, 2, 3, 4]}}}
  lone: {run: "true", tags: [smoke]}
"""


@pytest.fixture
def planned(tmp_path: Path):
    """The plan for what is asked; ``said`` hears notes."""
    (tmp_path / "matrix.yaml").write_text(MATRIX.replace("retries: 1", "retries: {max: 1}"))

    def make(*, lenient: bool = False, said: list[str] | None = None, **asked: object):
        options = RunOptions(
            str(tmp_path / "matrix.yaml"),
            "",
            str(tmp_path),
            Asked(**asked),
            lenient=lenient,  # type: ignore[arg-type]
        )
        return plan(options, (said if said is not None else []).append)

    return make


def ids(found) -> list[str]:
    return [job.id for job in found.jobs]


def remember(tmp_path: Path, **bad: bool) -> None:
    results = [Result(f"unit/host[n={name[1:]}]", "x", 1.0, each) for name, each in bad.items()]
    history.record(str(tmp_path / history.FILE), "r", 1.0, results)


def test_everything_in_the_order_of_the_matrix(planned, tmp_path) -> None:
    assert len(ids(planned())) == 6
    assert sorted(planned().ranks) == list(range(6))
    assert os.listdir(tmp_path) == ["matrix.yaml"]


def test_a_selection_and_what_it_needs(planned) -> None:
    assert ids(planned(tags=("smoke",))) == ["lone/host"]
    assert ids(planned(jobs=("unit/host[n=3]",))) == ["build/host", "unit/host[n=3]"]
    assert ids(planned(jobs=("unit/host[n=3]#7",), keyword="unit")) == ["build/host", "unit/host[n=3]"]
    assert ids(planned(jobs=("unit/host[n=3]",), keyword="lone")) == []


def test_an_id_that_is_not_there_is_an_error_with_the_nearest_or_a_note(planned) -> None:
    with pytest.raises(UsageError, match="no job unit/host") as caught:
        planned(jobs=("unit/host[n=5]",))
    assert "unit/host[n=4]" in caught.value.detail
    said: list[str] = []
    assert ids(planned(jobs=("unit/host[n=5]", "lone/host"), lenient=True, said=said)) == ["lone/host"]
    assert said == ["no longer in the matrix: unit/host[n=5]"]


def test_what_failed_last_or_everything_where_nothing_did(planned, tmp_path) -> None:
    assert len(ids(planned(last_failed=True))) == 6
    remember(tmp_path, n2=True, n3=False)
    assert ids(planned(last_failed=True)) == ["build/host", "unit/host[n=2]"]
    assert [job.id for job in planned(failed_first=True).in_order()][:3] == [
        "build/host",
        "unit/host[n=2]",
        "unit/host[n=1]",
    ]


def test_parts_bring_along_what_they_need(planned) -> None:
    parts = [ids(planned(shard=Shard(index, 3))) for index in range(3)]
    assert set().union(*parts) == set(ids(planned()))
    for part in parts:
        assert not any("unit" in each for each in part) or "build/host" in part


def test_repetitions_and_retries(planned) -> None:
    found = planned(repeat=3, retries=5)
    assert len(found.jobs) == 18
    assert {job.retries.most for job in found.jobs} == {5}
    assert {job.needs for job in found.jobs if job.id.endswith("]#3")} == {("build/host#3",)}
    assert {job.retries.most for job in planned().jobs if job.test == "unit"} == {1}
    assert {job.retries.most for job in planned(retries=0).jobs} == {0}
    with pytest.raises(UsageError, match="more than 1,000,000"):
        planned(repeat=1_000_000)


def test_a_history_that_cannot_be_read_is_said_and_done_without(planned, tmp_path) -> None:
    (tmp_path / history.FILE).write_bytes(b"no database at all, but as long as one" * 20)
    said: list[str] = []
    assert len(ids(planned(last_failed=True, said=said))) == 6
    assert "history" in said[0]


def test_a_part_without_jobs_is_another_thing_than_nothing_selected(planned) -> None:
    said: list[str] = []
    spare = [planned(shard=Shard(index, 7), said=said) for index in range(7)]
    assert sorted(bool(each.jobs) for each in spare) == [False] + [True] * 6
    assert [each.spare for each in spare] == [not each.jobs for each in spare]
    assert said == ["this part has no job: there are fewer jobs than parts"]
    assert not planned(shard=Shard(0, 2), keyword="nowhere").spare
