"""Old folders of runs go, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from farm.app.clearing import Keep, old_runs, remove
from farm.app.folder import JOURNAL, held, point_latest

DAY_S = 86400.0
NOW_S = 1_767_323_045.0 + 40 * DAY_S  # 40 days after 2026-01-02


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Five runs, ten days apart, the last ten days ago; the newest is the latest."""
    for day in ("20260102", "20260112", "20260122", "20260201", "20260211"):
        run = tmp_path / f"{day}T030405Z-3f2a"
        (run / "logs").mkdir(parents=True)
        (run / JOURNAL).write_bytes(b"x")
    point_latest(str(run))
    return tmp_path


def days(reports: Path, keep: Keep) -> list[str]:
    return [os.path.basename(each.path)[4:8] for each in old_runs(str(reports), keep, NOW_S)]


@pytest.mark.parametrize(
    ("keep", "gone"),
    [
        (Keep(age_s=25 * DAY_S), ["0102", "0112"]),
        (Keep(runs=2), ["0102", "0112", "0122"]),
        (Keep(25 * DAY_S, 4), ["0102"]),  # what one of the two keeps stays
        (Keep(15 * DAY_S, 1), ["0102", "0112", "0122"]),
        (Keep(runs=0), ["0102", "0112", "0122", "0201"]),  # but for the latest
        (Keep(age_s=1.0), ["0102", "0112", "0122", "0201"]),
        (Keep(age_s=400 * DAY_S), []),
    ],
)
def test_what_nothing_keeps(reports: Path, keep: Keep, gone: list[str]) -> None:
    assert days(reports, keep) == gone


def test_the_run_that_latest_leads_to_stays_whatever_its_age(reports: Path) -> None:
    point_latest(str(reports / "20260112T030405Z-3f2a"))
    assert days(reports, Keep(runs=1)) == ["0102", "0122", "0201"]


def test_nothing_that_is_not_a_runs_folder(reports: Path, tmp_path: Path) -> None:
    old = reports / "20200101T000000Z-aaaa"
    for each in (reports / "mine", reports / "20200101T000000Z-bbbb.old", reports / "20209999T000000Z-bbbb"):
        each.mkdir()
        (each / JOURNAL).write_bytes(b"x")
    (reports / "20200101T000001Z-aaaa").mkdir()  # without a journal
    (reports / "20200101T000002Z-aaaa").write_bytes(b"")
    (reports / "20200101T000003Z-aaaa").symlink_to(reports / "20260102T030405Z-3f2a")
    assert not old.exists()
    assert days(reports, Keep(runs=4)) == ["0102"]
    assert old_runs(str(tmp_path / "nowhere"), Keep(runs=0), NOW_S) == ()


def test_a_run_that_goes_on_stays(reports: Path) -> None:
    oldest = reports / "20260102T030405Z-3f2a"
    with held(str(oldest)):
        assert days(reports, Keep(runs=3)) == ["0112"]
        assert not remove(str(oldest))
    assert (oldest / JOURNAL).exists()


def test_it_is_gone_and_its_neighbours_are_not(reports: Path, tmp_path: Path) -> None:
    oldest = reports / "20260102T030405Z-3f2a"
    (oldest / "logs" / "x").symlink_to(reports / "20260112T030405Z-3f2a")
    (oldest / f"{JOURNAL}-wal").write_bytes(b"")
    (found,) = old_runs(str(reports), Keep(runs=4), NOW_S)
    assert found.began_at == 1_767_323_045.0
    assert remove(found.path)
    assert not oldest.exists()
    assert len(list(reports.glob("2026*"))) == 4
    assert (reports / "20260112T030405Z-3f2a" / JOURNAL).exists()
