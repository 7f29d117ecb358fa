from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from farm.app.folder import JOURNAL, claim_run_dir, find_run, held, is_live, new_run_id, point_latest
from farm.errors import UsageError


def test_ids_sort_by_time() -> None:
    assert new_run_id(0) == "19700101T000000Z-0000"
    assert new_run_id(0.5, 1) == "19700101T000000Z-8001"
    assert new_run_id(0, 65536) == new_run_id(1)
    moments = [1e9 + each / 10 for each in range(25)]
    assert sorted(map(new_run_id, moments)) == list(map(new_run_id, moments))


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


def test_a_run_that_is_held_goes_on_and_is_held_once(tmp_path: Path) -> None:
    _, path = claim_run_dir(str(tmp_path), 0)
    assert not is_live(path)
    with held(path):
        assert is_live(path)
        with pytest.raises(UsageError, match="still going on"), held(path):
            pass
    assert not is_live(path)


def test_who_asks_whether_a_run_is_live_does_not_keep_it_from_beginning(tmp_path: Path) -> None:
    _, path = claim_run_dir(str(tmp_path), 0)
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    threading.Timer(0.05, os.close, (fd,)).start()
    with held(path):
        assert is_live(path)


def run_at(reports: Path, when_s: float) -> str:
    run_id, path = claim_run_dir(str(reports), when_s)
    Path(path, JOURNAL).write_bytes(b"")
    return run_id


def test_a_run_is_found_by_its_id_its_beginning_its_path_and_its_age(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run yet"):
        find_run(str(tmp_path / "nowhere"))
    old, new = run_at(tmp_path, 1e9), run_at(tmp_path, 1e9 + 1)
    (tmp_path / "history.sqlite").write_bytes(b"")
    claim_run_dir(str(tmp_path), 2e9)  # begun, and without a journal
    point_latest(str(tmp_path / old))
    expected = {None: new, old: old, new[:16]: new, "latest": old, f"{tmp_path}/{old}": old}
    assert {run: os.path.basename(find_run(str(tmp_path), run)) for run in expected} == expected
    with pytest.raises(UsageError, match="several runs begin") as caught:
        find_run(str(tmp_path), "2001")
    assert old in caught.value.detail
    for missing in ("1999", "/nowhere/at/all", f"{tmp_path}/latest/logs"):
        with pytest.raises(UsageError, match="there is no run"):
            find_run(str(tmp_path), missing)


def test_of_two_runs_of_one_moment_the_newer_is_the_newest(tmp_path: Path) -> None:
    ids = [run_at(tmp_path, 0) for _ in range(6)]
    assert os.path.basename(find_run(str(tmp_path))) == ids[-1]
