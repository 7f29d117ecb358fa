"""Parts of a matrix become one run: folders that real writers made, merged, read back."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from farm.app.folder import JOURNAL, held
from farm.app.merge import merge
from farm.errors import FarmError, UsageError
from farm.journal import history, queries
from farm.journal.history_reader import reading
from farm.model.outcome import Outcome
from farm.model.run import Asked, RunRecord
from farm.report.terminal import PlainUi
from tests.unit.app.pasts import LETTERS, ended, journal, run_id, shard


def whole(reports: Path, *runs: object, last: bool = False) -> RunRecord:
    """What became of ``runs`` in the folder ``reports``."""
    outcome = merge(str(reports), [str(each) for each in runs], PlainUi(io.StringIO()), last=last)
    assert os.path.realpath(reports / "latest") == os.path.realpath(outcome.run_dir)
    record = queries.read(os.path.join(outcome.run_dir, JOURNAL))
    assert record.info.id == os.path.basename(outcome.run_dir)
    document = json.loads(Path(outcome.run_dir, "results.json").read_text())
    assert [each["outcome"] for each in document["jobs"]] == [each.outcome for each in record.jobs]
    assert {"index.html", "journal.sqlite", "junit.xml"} <= set(os.listdir(outcome.run_dir))
    return record


def outcomes(record: RunRecord) -> dict[str, Outcome | None]:
    return {each.job.id: each.outcome for each in record.jobs}


def expected(**letters: str) -> dict[str, Outcome | None]:
    return {f"{job}/d": LETTERS[letter] for job, letter in letters.items()}


def test_parts_of_two_hosts_are_one_run(tmp_path: Path) -> None:
    first = journal(tmp_path / "one", 10, {"a/d": "P", "c/d": "F"}, asked=shard(1, 2), hostname="one")
    second = journal(tmp_path / "two", 14, {"b/d": "~"}, asked=shard(2, 2), hostname="two")
    reports = tmp_path / "reports"
    record = whole(reports, first, second)
    assert outcomes(record) == expected(a="P", b="~", c="F")
    assert (record.info.hostname, record.info.cpus, record.duration_s) == ("one, two", 32, 14.0)
    assert (record.status, record.info.asked.shard) == ("bad", None)
    assert record.notes == (("merged", f"{run_id(10)} on one, {run_id(14)} on two"),)
    assert len(record.jobs[1].attempts) == 2
    run_dir = reports / record.info.id
    assert (run_dir / record.jobs[2].attempts[0].log_path).read_text() == f"{run_id(10)} says failed\n"
    assert (run_dir / "artifacts/b@d/1/core").read_text() == f"{run_id(14)} core\n"
    assert [each.distro for each in record.images] == ["d"]
    assert record.samples == (), "of two hosts"
    with reading(str(reports / history.FILE)) as found:
        assert found is not None
        (run,) = found.runs
    assert (run.id, run.whole, run.shard, run.status) == (record.info.id, True, "", "bad")


def test_what_one_host_was_like_is_told_of_all_parts(tmp_path: Path) -> None:
    first = journal(tmp_path / "one", 10, {"a/d": "P"}, asked=shard(1, 2))
    second = journal(tmp_path / "one", 14, {"b/d": "P"}, asked=shard(2, 2))
    assert [each.at_s for each in whole(tmp_path / "reports", first, second).samples] == [1.0, 5.0]


def test_in_the_history_it_takes_the_place_of_its_parts_and_they_are_not_its_past(tmp_path: Path) -> None:
    ended(tmp_path, 1, {"a/d": "P", "b/d": "P"})
    ended(tmp_path, 2, {"a/d": "F"}, asked=shard(1, 2))
    ended(tmp_path, 3, {"b/d": "P"}, asked=shard(2, 2))
    record = whole(tmp_path, run_id(2), run_id(3))
    with reading(str(tmp_path / history.FILE)) as found:
        assert found is not None
        assert [each.id for each in found.runs] == [run_id(1), record.info.id]
    document = json.loads((tmp_path / record.info.id / "results.json").read_text())["baseline"]
    assert document == {"run": run_id(1), "changes": {"a/d": "new"}, "since": {"a/d": record.info.id}}
    assert (tmp_path / run_id(2)).is_dir()


def test_what_all_parts_ran_has_to_agree(tmp_path: Path) -> None:
    parts = [
        journal(tmp_path, 1, {"build/d": "P", "a/d": "P"}, asked=shard(1, 2)),
        journal(tmp_path, 2, {"build/d": "F", "b/d": "s"}, asked=shard(2, 2)),
    ]
    with pytest.raises(UsageError, match="do not agree on 1 of their jobs") as caught:
        whole(tmp_path, *parts)
    assert caught.value.detail == f"build/d: passed in {run_id(1)}, failed in {run_id(2)}"
    assert "--last" in caught.value.remedy
    assert sorted(os.listdir(tmp_path)) == [run_id(1), run_id(2)]
    record = whole(tmp_path, *reversed(parts), last=True)
    assert outcomes(record) == expected(a="P", b="s", build="F")
    log = (tmp_path / record.info.id / record.jobs[2].attempts[0].log_path).read_text()
    assert log == f"{run_id(2)} says failed\n"


def test_what_one_part_did_not_come_to_another_did(tmp_path: Path) -> None:
    killed = journal(tmp_path, 1, {"a/d": "P", "b/d": "c", "c/d": "-", "e/d": "-"}, killed=True)
    rest = journal(tmp_path, 2, {"b/d": "P", "c/d": "P", "d/d": "c"})
    record = whole(tmp_path, killed, rest)
    assert outcomes(record) == expected(a="P", b="P", c="P", d="c", e="-")
    assert record.status == "interrupted"


def test_no_terminal_obeys_what_parts_from_elsewhere_are_called(tmp_path: Path) -> None:
    parts = [journal(tmp_path, number, {"\x1b]0;x/d": letter}) for number, letter in enumerate("PF")]
    with pytest.raises(UsageError) as caught:
        whole(tmp_path, *parts)
    assert caught.value.detail.startswith("\\x1b]0;x/d: passed in ")


def test_a_part_that_is_missing_is_said(tmp_path: Path) -> None:
    parts = [journal(tmp_path, number, {f"{number}/d": "P"}, asked=shard(number, 4)) for number in (1, 3)]
    record = whole(tmp_path, *parts)
    assert record.notes[-1] == ("merged", "not there: the parts 2/4, 4/4; their jobs were not run")
    assert record.status == "interrupted"
    late = [journal(tmp_path, number, {f"{number}/d": "P"}, asked=shard(number, 4)) for number in (2, 4)]
    most = whole(tmp_path, tmp_path / record.info.id, late[0])
    assert [text for _, text in most.notes if "not there" in text]
    record = whole(tmp_path, tmp_path / record.info.id, *late)
    assert not [text for _, text in record.notes if "not there" in text]


def test_where_the_matrix_file_is_at_hand_the_jobs_of_missing_parts_are_there_and_not_run(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text("version: 1\nname: nightly\ndistros: [host]\njobs: {a: {run: x}, b: {run: x}, c: {run: x}}\n")
    parts = [
        journal(tmp_path / "reports", number, jobs, asked=shard(number, 3), matrix_path=str(matrix))
        for number, jobs in enumerate(({"a/host": "P"}, {"b/host": "P"}), 1)
    ]
    record = whole(tmp_path / "reports", *parts)
    assert outcomes(record) == {"a/host": Outcome.PASSED, "b/host": Outcome.PASSED, "c/host": None}
    assert record.status == "interrupted"


def test_empty_parts_are_parts(tmp_path: Path) -> None:
    parts = [journal(tmp_path, 1, {"a/d": "P"}, asked=shard(1, 2)), journal(tmp_path, 2, {}, asked=shard(2, 2))]
    record = whole(tmp_path, *parts)
    assert (outcomes(record), record.status, len(record.notes)) == (expected(a="P"), "good", 1)


def test_jobs_are_in_the_order_of_the_file_and_of_their_numbers(tmp_path: Path) -> None:
    where = {
        "z/d": "matrix.yaml:9:3",
        "a/d": "matrix.yaml:20:3",
        "a/d[n=10]": "matrix.yaml:20:3",
        "a/d[n=9]": "matrix.yaml:20:3",
    }
    first = journal(tmp_path, 1, {"a/d[n=10]": "P", "z/d": "P"}, where=where)
    second = journal(tmp_path, 2, {"a/d": "P", "a/d[n=9]": "P"}, where=where)
    assert list(outcomes(whole(tmp_path, first, second))) == ["z/d", "a/d", "a/d[n=9]", "a/d[n=10]"]


def test_other_matrices_one_run_and_a_run_that_goes_on_are_refused(tmp_path: Path) -> None:
    first = journal(tmp_path, 1, {"a/d": "P"})
    journal(tmp_path, 2, {"a/d": "P"}, name="smoke")
    third = journal(tmp_path, 3, {"a/d": "P"})
    with pytest.raises(UsageError, match="several matrices"):
        whole(tmp_path, run_id(1), run_id(2))
    for runs in ([run_id(1)], [run_id(1), first], [run_id(1), run_id(3), third]):
        with pytest.raises(UsageError, match="made of several others"):
            whole(tmp_path, *runs)
    with pytest.raises(UsageError, match="there is no run"):
        whole(tmp_path, run_id(1), "gone")
    with held(str(third)), pytest.raises(UsageError, match="still going on"):
        whole(tmp_path, run_id(1), run_id(3))
    assert len(os.listdir(tmp_path)) == 3


def test_a_folder_from_elsewhere_makes_nobody_copy_what_is_outside_of_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "1.log").write_text("for nobody")
    first = journal(tmp_path / "reports", 1, {"a/d": "P", "b/d": "P"})
    second = journal(tmp_path / "reports", 2, {"c/d": "P"})
    for name in ("logs/a@d", "artifacts/a@d"):
        (first / name).rename(tmp_path / name.replace("/", "-"))
        (first / name).symlink_to(secret)
    (first / "logs/b@d/1.log").unlink()
    (first / "logs/b@d/1.log").symlink_to(secret / "1.log")
    os.mkfifo(first / "artifacts/b@d/fifo")
    record = whole(tmp_path / "reports", first, second)
    run_dir = tmp_path / "reports" / record.info.id
    assert sorted(os.listdir(run_dir / "logs")) == ["b@d", "c@d"]
    assert (run_dir / "logs/b@d/1.log").is_symlink()
    assert sorted(os.listdir(run_dir / "artifacts/b@d")) == ["1"]
    assert b"for nobody" not in (run_dir / "index.html").read_bytes()


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    parts = [journal(tmp_path, 1, {"a/d": "P"}), journal(tmp_path, 2, {"b/d": "P"})]
    (parts[0] / "prepare").mkdir()
    (parts[0] / "prepare" / "x").write_text("a file where the other has a folder")
    (parts[1] / "prepare" / "x").mkdir(parents=True)
    with pytest.raises(FarmError, match="cannot be written"):
        whole(tmp_path, *parts)
    assert sorted(os.listdir(tmp_path)) == [run_id(1), run_id(2)]


def test_what_was_asked_of_the_parts_is_asked_of_the_whole(tmp_path: Path) -> None:
    parts = [
        journal(tmp_path, 1, {"a/d": "P"}, asked=Asked(keyword="a", baseline="x")),
        journal(tmp_path, 2, {"b/d": "~"}),
    ]
    record = whole(tmp_path, *parts)
    assert (record.info.asked.keyword, record.info.asked.baseline) == ("a", None)
    assert record.info.command_line == ("farm", "merge", run_id(1), run_id(2))
