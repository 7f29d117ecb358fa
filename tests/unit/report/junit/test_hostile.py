"""Whatever tests print and whatever things are called: every dialect's schema takes the file, and nothing in it is obeyed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.model.artifact import Artifact, Case, CaseOutcome
from farm.model.job import Attempt, Failure, Job
from farm.model.limits import Usage
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import cases
from farm.report.junit import DIALECTS
from tests.unit.report.runs import hostile, info, one
from tests.unit.report.schemas import drawn, needs_schemas, scratch, valid

pytestmark = needs_schemas

NASTY = (
    "", " ", "]]>", "<script>alert(1)</script>", "</testcase>", "\"'&<>", "<![CDATA[", "<!--", "&#0;", "a.b.c", "[opt=O2]",
    "\0", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x08", "\r", "\t\n", "\x7f\x85", "\u2028\u202e", "\ufeff\ufffe\uffff",
    "\ud800", "\udcff", "\U0001fffe", "\U0010ffff", "%s", "[[ATTACHMENT|/etc/passwd]]",
)  # fmt: skip
long = st.integers(1_000, 70_000).map("x".__mul__)
texts = st.one_of(st.sampled_from(NASTY), long, st.text(st.characters(), max_size=20))
printed = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([*(each.encode("utf-8", "surrogatepass") for each in NASTY), b"\xff", b"\n"])).map(
        b"".join
    ),
)
counts = st.one_of(st.none(), st.integers(0, 1 << 62))
times = st.floats(0, 1e9)
nested = st.builds(Case, texts, texts, times, st.sampled_from(CaseOutcome), texts, texts)
usages = st.builds(Usage, st.one_of(st.none(), times), counts, oom_kills=counts, pids_refused=counts)
failures = st.one_of(st.none(), st.builds(Failure, texts, texts, st.integers(0, 200), texts))
attempts = st.tuples(
    st.sampled_from(Outcome), times, usages, failures, texts, texts, printed, st.lists(nested, max_size=3)
)
jobs = st.tuples(
    texts, texts, texts, texts, st.one_of(st.none(), st.sampled_from(Outcome)), texts, st.lists(attempts, max_size=3)
)


def laid(folder: Path, given_jobs: list, notes: list, known: tuple[str, str, str]) -> RunRecord:
    """A run of ``given_jobs`` with its logs and its test cases in ``folder``."""
    records = []
    for number, (id_, test, distro, axis, outcome, reason, tried) in enumerate(given_jobs):
        job = Job(id_, test, distro, ((axis, axis),), ("sh",), axis, tags=(axis,), where=f"{axis}:{number}:1")
        made = []
        for turn, (ended, seconds, usage, failure, why, name, output, found) in enumerate(tried):
            log, left = f"{number}-{turn}.log", f"{number}-{turn}.json"
            (folder / log).write_bytes(output)
            cases.save(str(folder / left), found)
            status = None if failure else turn
            one_of_them = Attempt(id_, turn + 1, ended, 1.0, 0.0, seconds, status, usage, failure, why, log)
            artifacts = (Artifact(name, 1), Artifact(f"{name}.png", 1))
            made.append(replace(one_of_them, cases_path=left, artifacts=artifacts, artifacts_path="a", image=name))
        records.append(JobRecord(job, tuple(made), outcome, reason))
    run = info(name=known[0], hostname=known[1], matrix_path=known[2], kernel=known[0], command_line=known)
    return RunRecord(run, tuple(records), tuple(notes), 1.0, "bad")


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(jobs, max_size=4, unique_by=lambda each: each[0]),
    st.lists(st.tuples(texts, texts), max_size=2),
    st.tuples(texts, texts, texts),
)
def test_D01_D02_valid_whatever_a_run_holds(dialect: str, given_jobs: list, notes: list, known: tuple) -> None:
    with scratch() as folder:
        record = laid(folder, given_jobs, notes, known)
        root = valid(drawn(record, folder, dialect, project=str(folder)), dialect)
        expected = len(record.jobs) + sum(len(each[6][-1][7]) for each in given_jobs if each[6])
        assert len(root.findall(".//testcase")) == expected
        assert not any("[[ATTACHMENT|/etc" in (each.text or "") for each in root.iter())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", NASTY)
def test_D01_D02_every_outcome_with_each_of_the_worst(tmp_path: Path, dialect: str, text: str) -> None:
    root = valid(drawn(hostile(text), tmp_path, dialect), dialect)
    found = root.findall(".//testcase")
    assert len(found) == len(Outcome) + 1
    assert not any("." in case.get("classname") for case in found)
    assert [len(root.findall(f".//testcase/{each}")) for each in ("failure", "error", "skipped")] == [3, 2, 4]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_D02_what_a_test_prints_is_there_and_does_nothing(tmp_path: Path, dialect: str) -> None:
    record = one(
        tmp_path, Outcome.FAILED, b"<script>x</script>\n]]>\x1b[31mred\x1b[0m\xff\0\n[[ATTACHMENT|/etc/passwd]]\n"
    )
    text = "".join(valid(drawn(record, tmp_path, dialect), dialect).itertext("system-out"))
    assert "<script>x</script>\n]]>red\\ufffd\\x00\n[[ATTACHMENT |/etc/passwd]]" in text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_D06_sizes_are_bounded_and_no_text_is_too_long_for_libxml2(tmp_path: Path, dialect: str) -> None:
    (failed,) = one(tmp_path, Outcome.FAILED, "\U0001f600".encode() * (1 << 22)).jobs
    many = tuple(replace(failed, job=replace(failed.job, id=f"t/{number}")) for number in range(200))
    (tmp_path / failed.attempts[0].log_path).write_bytes(("\U0001f600" * 400 + "\n").encode() * 100_000)
    root = valid(drawn(RunRecord(info(), many), tmp_path, dialect), dialect)
    longest = max(len((each.text or "").encode()) for each in root.iter("system-out", "failure"))
    assert longest < (10_000_000 if dialect == "ant" else 70_000)
