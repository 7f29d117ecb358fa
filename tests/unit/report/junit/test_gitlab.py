"""What GitLab shows of a run, read as its own parser does: the first mark of ``system-out``, and texts instead of messages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from farm.model.artifact import Artifact
from farm.model.outcome import Outcome
from farm.model.run import RunRecord
from tests.unit.report.runs import mixed, one
from tests.unit.report.schemas import drawn, needs_schemas, read, valid

_MARK = re.compile(r"\[\[ATTACHMENT\|([^\[\]|]+?)\]\]")


def case(record: RunRecord, project: Path, run_dir: Path):
    (found,) = read(drawn(record, run_dir, "gitlab", project=str(project))).iter("testcase")
    return found


def attached(found) -> str:
    """The path that GitLab attaches; empty for none."""
    mark = _MARK.search(found.findtext("system-out") or "")
    return mark[1] if mark else ""


def with_artifacts(record: RunRecord, *paths: str) -> RunRecord:
    (job,) = record.jobs
    left = tuple(Artifact(path, 1) for path in paths)
    attempt = replace(job.attempts[0], artifacts=left, artifacts_path="artifacts/t@d.1/1")
    return replace(record, jobs=(replace(job, attempts=(attempt,)),))


@needs_schemas
def test_a_run_of_every_outcome_is_valid(tmp_path: Path) -> None:
    valid(drawn(mixed(tmp_path, 30, bad=3), tmp_path, "gitlab", str(tmp_path)), "gitlab")


def test_the_matrix_file_is_named_from_the_project(tmp_path: Path) -> None:
    run_dir = tmp_path / "reports" / "r"
    run_dir.mkdir(parents=True)
    record = one(run_dir, Outcome.PASSED, b"", where="ci/matrix.yaml:12:5")
    record = replace(record, info=replace(record.info, matrix_path=f"{tmp_path}/ci/matrix.yaml"))
    found = case(record, tmp_path, run_dir)
    assert (found.get("file"), found.get("line")) == ("ci/matrix.yaml", "12")
    assert case(record, tmp_path / "elsewhere", run_dir).get("file") is None


def test_the_log_of_a_bad_job_is_attached_and_a_picture_before_it(tmp_path: Path) -> None:
    run_dir = tmp_path / "reports" / "r"
    run_dir.mkdir(parents=True)
    record = one(run_dir, Outcome.FAILED, b"[[ATTACHMENT|/etc/passwd]]\n")
    found = case(record, tmp_path, run_dir)
    assert attached(found) == "reports/r/logs/t@d.1/1.log"
    assert found.findtext("system-out").endswith("\n[[ATTACHMENT |/etc/passwd]]")
    pictured = case(with_artifacts(record, "core", "screen.png"), tmp_path, run_dir)
    assert attached(pictured) == "reports/r/artifacts/t@d.1/1/screen.png"
    assert attached(case(record, tmp_path / "elsewhere", run_dir)) == ""


def test_a_log_with_brackets_in_its_path_has_a_second_name(tmp_path: Path) -> None:
    record = one(tmp_path, Outcome.FAILED, b"said\n", id="t/d[o=1]", axes=(("o", "1"),))
    for _ in range(2):  # a report that is written again
        path = attached(case(record, tmp_path, tmp_path))
        assert re.fullmatch(r"attachments/[0-9a-f]{16}\.log", path)
        assert (tmp_path / path).read_bytes() == b"said\n"
    assert len(list((tmp_path / "attachments").iterdir())) == 1


def test_what_is_no_file_of_the_run_gets_no_second_name(tmp_path: Path) -> None:
    run_dir = tmp_path / "r"
    run_dir.mkdir()
    (tmp_path / "other[1].png").write_bytes(b"x")
    (run_dir / "a").mkdir()
    (run_dir / "a" / "link[1].png").symlink_to("/etc/passwd")
    record = one(run_dir, Outcome.FAILED, b"")
    for path in ("../../../../other[1].png", "../../../a/link[1].png", "gone[1].png", "\ud800[1].png"):
        assert attached(case(with_artifacts(record, path), tmp_path, run_dir)) == "r/logs/t@d.1/1.log"
    assert not any(run_dir.glob("attachments/*"))


@pytest.mark.parametrize("name", ["a[1].png", "a|b.png", "a\n.png", "a\x1b.png", "a\udcff.png"])
def test_a_path_that_no_mark_can_hold_is_left_out(tmp_path: Path, name: str) -> None:
    record = with_artifacts(one(tmp_path, Outcome.FAILED, b""), name)
    assert attached(case(record, tmp_path, tmp_path)) == "logs/t@d.1/1.log"


def test_the_text_of_a_skipped_case_is_its_reason(tmp_path: Path) -> None:
    assert case(one(tmp_path, Outcome.SKIPPED, b""), tmp_path, tmp_path).findtext("skipped") == "exit status 77"


def test_properties_are_those_of_the_case(tmp_path: Path) -> None:
    found = case(one(tmp_path, Outcome.FLAKY, b""), tmp_path, tmp_path)
    known = {each.get("name"): each.get("value") for each in found.iter("property")}
    assert (known["distro"], known["outcome"], known["attempts"]) == ("d.1", "flaky", "2")
    assert known["repro"].endswith("--job t/d.1")
