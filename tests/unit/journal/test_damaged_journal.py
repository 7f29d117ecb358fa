"""A journal that lost its end, or parts of itself, tells what came before, or that it cannot."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.errors import FarmError
from farm.journal.queries import read
from farm.journal.writer import JournalWriter
from farm.model.run import RunRecord
from farm.report.summary import Status, status_of
from farm.report.write import write_all
from tests.unit.report.runs import mixed

_PAGE_BYTES = 4096


def _write(path: Path, record: RunRecord, *, killed: bool = False) -> None:
    """``record`` as a run writes it; ``killed`` before it could end."""
    child = os.fork()
    if child == 0:
        try:
            with JournalWriter(str(path)) as journal:
                journal.begin(record.info, [each.job for each in record.jobs])
                for each in record.jobs:
                    for attempt in each.attempts:
                        journal.attempt(attempt)
                    assert each.outcome is not None
                    journal.outcome(each.job.id, each.outcome, each.reason)
                    journal.commit()
                if killed:
                    os.kill(os.getpid(), signal.SIGKILL)
                journal.finish(record.duration_s or 0.0, record.status)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _cuts(size: int) -> list[int]:
    """Every page's edges, and a walk through the file that meets every part of a page sooner or later."""
    edges = {edge + off for edge in range(0, size, _PAGE_BYTES) for off in (-1, 0, 1) if 0 <= edge + off < size}
    return sorted(edges | set(range(0, size, 577)) | {size - 1})


def _told(path: Path) -> RunRecord | None:
    """What the journal tells, None where it is refused as a user's error should be."""
    try:
        return read(str(path))
    except FarmError as error:
        refusal = error
    assert refusal.brief
    assert refusal.remedy
    return None


def _known(found: RunRecord, whole: RunRecord) -> int:
    """How much of ``whole`` was ``found``; what was found has to be its beginning."""
    assert found.info == whole.info
    assert [each.job for each in found.jobs] == [each.job for each in whole.jobs[: len(found.jobs)]]
    ended = [each for each in found.jobs if each.outcome is not None]
    for mine, theirs in zip(found.jobs, whole.jobs, strict=False):
        assert mine.attempts == theirs.attempts[: len(mine.attempts)]
        assert mine.outcome in (None, theirs.outcome)
    return len(found.jobs) + sum(len(each.attempts) for each in found.jobs) + len(ended)


def test_C13_a_journal_cut_anywhere_tells_its_beginning_or_says_that_it_cannot(tmp_path):
    whole = mixed(tmp_path, 4, bad=3)
    path = tmp_path / "whole.sqlite"
    _write(path, whole)
    assert os.listdir(tmp_path).count("whole.sqlite-wal") == 0
    assert read(str(path)) == whole
    content = path.read_bytes()
    cut = tmp_path / "cut.sqlite"
    amounts = []
    for size in _cuts(len(content)):
        cut.write_bytes(content[:size])
        found = _told(cut)
        if found is None:
            assert not amounts, f"nothing at {size}, though less of the file told something"
            continue
        assert status_of(found) is Status.ABORTED
        assert "damaged" in found.notes[-1][1]
        amounts.append(_known(found, whole))
    # The last row of a page that is there in part, a job and with it its outcome, may be read by chance and then not.
    assert all(later + 2 >= earlier for earlier, later in itertools.pairwise(amounts))
    assert amounts[-1] > len(whole.jobs) * 2


def test_C13_a_report_is_made_of_a_cut_journal(tmp_path):
    whole = mixed(tmp_path, 4, bad=3)
    path = tmp_path / "journal.sqlite"
    _write(path, whole)
    os.truncate(path, path.stat().st_size * 7 // 8)
    write_all(str(tmp_path), read(str(path)))
    page = (tmp_path / "index.html").read_text()
    assert "aborted" in page
    assert "damaged" in page


def test_C13_a_killed_run_s_log_cut_anywhere_tells_the_commits_before(tmp_path):
    whole = mixed(tmp_path, 4, bad=3)
    _write(tmp_path / "killed.sqlite", whole, killed=True)
    log = (tmp_path / "killed.sqlite-wal").read_bytes()
    cut = tmp_path / "cut.sqlite"
    amounts = []
    for size in [*range(0, len(log), 1999), len(log)]:
        shutil.copyfile(tmp_path / "killed.sqlite", cut)
        (tmp_path / "cut.sqlite-wal").write_bytes(log[:size])
        found = _told(cut)
        assert found or not amounts, f"nothing at {size}, though less of the log told something"
        amounts += [_known(found, whole)] if found else []
        for each in tmp_path.glob("cut.sqlite*"):
            each.unlink()
    assert amounts == sorted(amounts)
    assert amounts[-1] == len(whole.jobs) * 2 + sum(len(each.attempts) for each in whole.jobs)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    _write(folder / "j.sqlite", mixed(folder, 2, bad=2))
    return (folder / "j.sqlite").read_bytes()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1), garbage=st.binary(min_size=1, max_size=300))
def test_C13_garbage_in_a_journal_is_never_a_traceback(tmp_path, sound, where, garbage):
    start = int(where * (len(sound) - 1))
    path = tmp_path / "j.sqlite"
    path.write_bytes(sound[:start] + garbage + sound[start + len(garbage) :])
    found = _told(path)
    assert found is None or found.info.id
    for each in tmp_path.glob("j.sqlite*"):
        each.unlink()


def test_a_run_that_broke_is_aborted_and_reported(tmp_path):
    whole = mixed(tmp_path, 2, bad=2)
    _write(tmp_path / "journal.sqlite", whole, killed=True)
    found = read(str(tmp_path / "journal.sqlite"))
    assert found.jobs == whole.jobs
    assert status_of(found) is Status.ABORTED
    write_all(str(tmp_path), found)
    assert '"status":"aborted"' in (tmp_path / "results.json").read_text()
