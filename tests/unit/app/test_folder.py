from __future__ import annotations

import os
from pathlib import Path

import pytest

from farm.app.folder import claim_run_dir, new_run_id, point_latest
from farm.errors import UsageError


def test_ids_sort_by_time() -> None:
    assert new_run_id(0, "beef") == "19700101T000000Z-beef"
    assert new_run_id(1e9, "0000") < new_run_id(1e9 + 1, "0000")


def test_each_claim_is_a_folder_of_its_own(tmp_path: Path) -> None:
    claimed = {claim_run_dir(str(tmp_path / "deep/reports"), 0) for _ in range(50)}
    assert len(claimed) == 50
    assert all(os.path.isdir(path) and os.path.basename(path) == run_id for run_id, path in claimed)


def test_a_file_in_the_place_of_the_reports_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    for path in (tmp_path / "reports", tmp_path / "reports/below"):
        with pytest.raises(UsageError) as caught:
            claim_run_dir(str(path), 0)
        assert str(path) in caught.value.detail


def test_latest_moves_and_nothing_else_is_left(tmp_path: Path) -> None:
    for _ in range(2):
        run_id, path = claim_run_dir(str(tmp_path), 0)
        point_latest(path)
        assert os.readlink(tmp_path / "latest") == run_id
        assert os.listdir(path) == []
    assert len(os.listdir(tmp_path)) == 3


def test_a_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest/mine").mkdir(parents=True)
    _, path = claim_run_dir(str(tmp_path), 0)
    with pytest.raises(OSError, match="latest"):
        point_latest(path)
    assert os.listdir(path) == []
    assert (tmp_path / "latest/mine").is_dir()
