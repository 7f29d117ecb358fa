"""What identifies a failure is the same for all failures of one kind."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.model.outcome import Outcome
from farm.model.run import JobRecord
from farm.report.signature import Signature, Signatures, errors, folded
from tests.unit.report.runs import one


def signature(job: JobRecord, run_dir: Path, *others: JobRecord) -> Signature:
    return Signatures((*others, job), str(run_dir)).of(job)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("foo.c:214: error: x", "foo.c:9: error: x"),
        ("/build/a1/src/foo.c:2:1: error", "/home/b/foo.c:20:11: error"),
        ("/tmp/tmp.Ab12Cd34Ef/out/foo.o: truncated", "/tmp/tmpq1w2e3/foo.o: truncated"),
        ("cannot open /tmp/ccAbCdEf.o", "cannot open /var/tmp/cc123456.o"),
        ("2026-01-02T03:04:05.123Z oops at 0x7fff12ab", "2027-11-12 13:14:15 oops at 0x1"),
        ("[   12.345678] oops", "[ 4711.000001] oops"),
        ("Feb  3 03:04:05 prog[12]: died", "Nov 13 23:59:59 prog[4711]: died"),
        ("took 12ms", "took 1m30s"),
        ("ran longer than its timeout of 60 s", "ran longer than its timeout of 5 minutes"),
        ("connect to 10.0.0.1:8080: refused", "connect to 192.168.7.9: refused"),
        ("commit 0a1b2c3d4e5f is missing", "commit ffeeddccbb01 is missing"),
        ("no e7a2c9b1-1111-2222-3333-444455556666", "no 00000000-aaaa-bbbb-cccc-123456789abc"),
        ("worker-3 failed", "worker-12 failed"),
        ("proc12345 died", "proc54321 died"),
        ("in reports/20260102T030405Z-3f2a", "in reports/20270102T030405Z-beef"),
    ],
)
def test_what_differs_from_run_to_run_is_folded(first, second):
    assert folded(first) == folded(second)
    assert folded(first) != first


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("exit status 1", "exit status 2"),
        ("killed by signal 9", "killed by signal 11"),
        ("make: *** [check] Error 1", "make: *** [check] Error 2"),
        ("sha256 differs", "sha512 differs"),
        ("/usr/lib/liba.so: not found", "/usr/lib/libb.so: not found"),
        ("no rule for x86_64", "no rule for i686"),
        ("int32_t overflows", "int64_t overflows"),
    ],
)
def test_what_tells_failures_apart_is_kept(first, second):
    assert folded(first) != folded(second)


@given(st.one_of(st.text(max_size=80), st.text("0123456789abcdef.:/-_<>n tmpTZ[]s", max_size=80)))
def test_folding_again_changes_nothing_and_leaves_one_line(text):
    once = folded(text)
    assert folded(once) == once
    assert "\n" not in once


@given(st.lists(st.integers(0, 10**9), min_size=3, max_size=3), st.lists(st.integers(0, 10**9), min_size=3, max_size=3))
def test_numbers_never_tell(ours, theirs):
    said = "step {} of {}: cannot read block {}"
    assert folded(said.format(*ours)) == folded(said.format(*theirs))


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("building\nfoo.c:1: error: x\nbar.c:2: error: y\nmake: *** Error 2", "foo.c:1: error: x"),
        ("a\nb\n\n", "b"),
        ("checking for error_at_line... yes\n0 errors\ncc -Werror x.c\nFAILED tests/x", "FAILED tests/x"),
        ("Traceback (most recent call last):\n  File 'x', line 1\n    raise y\nKeyError: 'z'\nbye", "KeyError: 'z'"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("+ grep error log\n=== FAILURES ===\nE   assert 1 == 2\nlast", "E   assert 1 == 2"),
        ("ok 1 - errors are refused\nnot ok 2 - parses", "not ok 2 - parses"),
        ("sh: line 4: ldd: not found\ndone", "sh: line 4: ldd: not found"),
        ("sh: warning: cannot change locale\nx.c:1: warning: unknown [-Wx]\nx: it died\n", "x: it died"),
        ("x.c:1: warning: y\nx.c:2: error: unused [-Werror=unused]", "x.c:2: error: unused [-Werror=unused]"),
        ("cc1: fatal: warnings are errors here", "cc1: fatal: warnings are errors here"),
        ("", ""),
    ],
)
def test_the_first_line_that_speaks_of_an_error_is_told(tmp_path, log, told):
    (job,) = one(tmp_path, Outcome.FAILED, log.encode()).jobs
    assert signature(job, tmp_path).example == (told or "exit status 2")


@pytest.mark.parametrize(
    ("outcome", "printed", "told"),
    [
        (Outcome.FAILED, b"error: x\nlast", "error: x"),
        (Outcome.FAILED, b"", "exit status 2"),
        (Outcome.TIMEOUT, b"error: x\nwaiting for port", "waiting for port"),
        (Outcome.TIMEOUT, b"", "ran longer"),
        (Outcome.OOM, b"error: x", "the kernel killed"),
        (Outcome.ERROR, b"error: x", "mount overlay: ENOSPC"),
        (Outcome.XPASSED, b"error: x", "passed, though"),
    ],
)
def test_a_log_tells_of_failures_and_the_reason_of_the_rest(tmp_path, outcome, printed, told):
    (job,) = one(tmp_path, outcome, printed).jobs
    assert told in signature(job, tmp_path).example


def test_names_of_the_job_are_folded_but_not_words(tmp_path):
    (job,) = one(
        tmp_path,
        Outcome.FAILED,
        b"error: t/alpine-3.20 on t-alpine-3-20 (alpine-3.20)",
        distro="alpine-3.20",
        id="t/alpine-3.20",
    ).jobs
    assert signature(job, tmp_path).text == "error: <job> on <host> (<distro>)"
    (job,) = one(tmp_path, Outcome.FAILED, b"error: no route to host", distro="host").jobs
    assert signature(job, tmp_path).text == "error: no route to host"


def test_D01_a_hostile_log_is_one_safe_line(tmp_path):
    (job,) = one(
        tmp_path, Outcome.FAILED, b"\x1b]0;x\x07error:\x1b[31m \x00 \xe2\x80\xae<script>" + b"\xff" * 5000
    ).jobs
    found = signature(job, tmp_path)
    assert found.example.startswith("error:")
    assert len(found.example) <= 300
    assert all(each.isprintable() for each in found.text + found.example)


@pytest.mark.slow_in_vm
def test_a_signature_costs_less_than_a_millisecond_whatever_the_log(tmp_path):
    (job,) = one(tmp_path, Outcome.FAILED, b"x" * 50 + b"/a/b/c/1.2.3 0a1b 12:00: almost an err or\n" * 20_000).jobs
    begun_s = time.process_time()
    for _ in range(50):
        signature(job, tmp_path)
    assert (time.process_time() - begun_s) / 50 < 0.001


def logged(folder, outcome, printed, **job):
    folder.mkdir()
    (record,) = one(folder, outcome, printed, **job).jobs
    path = f"{folder.name}/{record.attempts[0].log_path}"
    return replace(record, attempts=(replace(record.attempts[0], log_path=path),))


def test_what_good_jobs_print_as_well_is_no_error(tmp_path):
    noise = b"cannot find ccache 4711, going on without it\n"
    bad = logged(tmp_path / "bad", Outcome.FAILED, noise.replace(b"4711", b"12") + b"x.c:1: error: y\n")
    good = logged(tmp_path / "good", Outcome.PASSED, noise, distro="e", id="t/e")
    other = logged(tmp_path / "other", Outcome.PASSED, noise, test="u", id="u/d.1")
    assert signature(bad, tmp_path, good).example == "x.c:1: error: y"
    assert signature(bad, tmp_path, other).example == "cannot find ccache 12, going on without it"
    # Nearer is a good one of the same distro, here one without the noise.
    quiet = logged(tmp_path / "quiet", Outcome.PASSED, b"", id="t/d.1[opt=1]")
    assert signature(bad, tmp_path, good, quiet).example == "cannot find ccache 12, going on without it"
    only = logged(tmp_path / "only", Outcome.FAILED, noise + b"and then\n")
    assert signature(only, tmp_path, good).example == "and then"


def test_the_last_attempt_that_was_bad_is_told_of(tmp_path):
    bad = logged(tmp_path / "bad", Outcome.FAILED, b"error: x\n")
    cancelled = replace(bad.attempts[0], number=2, outcome=Outcome.CANCELLED, log_path="none", reason="stopped")
    assert signature(replace(bad, attempts=(*bad.attempts, cancelled)), tmp_path).example == "error: x"


LINES = st.sampled_from(
    [
        "error: x",
        "0 errors",
        "all is ok",
        "  File 'x'",
        "KeyError: 'z'",
        "",
        "warning: bad",
    ]
)


@given(st.lists(LINES, max_size=8))
def test_errors_are_lines_of_the_log_and_none_that_says_that_there_was_none(lines):
    found = list(errors(lines))
    assert set(found) <= set(lines) - {"0 errors", "all is ok", "", "warning: bad"}
    assert ("error: x" in lines) == ("error: x" in found)
