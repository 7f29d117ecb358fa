"""Which line tells of an error first."""

from __future__ import annotations

import pytest

from farm.report.telling import first_error


@pytest.mark.parametrize(
    "line",
    [
        b"test.c:12: error: expected ';'",
        b"Traceback (most recent call last):",
        b"make: *** [check] Error 2",
        b"FAILED tests/test_a.py::test_b - AssertionError",
        b"sh: foo: not found",
        b"./a.out: symbol lookup error: undefined symbol: x",
        b"panic: runtime error: index out of range",
        b"Segmentation fault (core dumped)",
        b"E: Unable to locate package, permission denied",
        b"ValueError: no",
        b"java.lang.NullPointerException: null",
        b"date: invalid date '@4294967296'",
        b"0 errors, 2 failures",
        b"\x1b[31merror\x1b[0m: it",
    ],
)
def test_a_line_that_tells_of_an_error(line):
    assert first_error(b"checking for cc... yes\n" + line + b"\nerror: later\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        b"0 errors, 0 failures",
        b"no error",
        b"gcc -Werror -o error.o error.c",
        b"errors: 0",
        b"compiling src/failure/x.c",
        b"3 passed, 0 failed",
        b"set -e: exit on error",
        b"terror is no word of it",
        b"checking for error_at_line... yes",
        b"warning: unknown option",
        b"+ fail() { exit 1; }",
    ],
)
def test_a_line_that_tells_of_none(line):
    assert first_error(line) is None


def test_a_hostile_log_ends_the_search():
    assert first_error(b"0 errors\n" * 200_000 + b"error: here\n") is None
    assert first_error(b"error" * 400_000) is None


def test_a_line_that_somebody_knows_better_is_passed_over():
    log = b"cannot find ccache, going on without it\nx.c:1: error: here\n"
    assert first_error(log) == 0
    assert first_error(log, lambda line: "ccache" not in line) == 1
