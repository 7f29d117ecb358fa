"""Secrets are covered however their bytes arrive."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.engine.mask import Mask
from farm.model.secret import parts


def fed(mask, chunks):
    return b"".join((*(mask.feed(chunk) for chunk in chunks), mask.flush()))


def pieces(data, cuts):
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize(
    ("secrets", "data", "shown"),
    [
        (["hunter2"], b"password hunter2!", b"password ***!"),
        (["hunter2"], b"hunter", b"hunter"),
        (["hunter2"], b"hunterhunter2hunter", b"hunter***hunter"),
        (["abcd", "abcdef"], b"abcdef abcd abcde", b"*** *** ***e"),
        (["line one\nline two\r\n\nx"], b"line two, line one, x", b"***, ***, x"),
        (["abc", ""], b"abc", b"abc"),
        (["aaaa"], b"aaaaaaaaa", b"******a"),
        (["a.c*"], b"abcd a.c*", b"abcd ***"),
        (["  padded  "], b"[padded]", b"[***]"),
        (["p\udcffss"], b"p\xffss", b"***"),
        (["{\n keys\n}\n"], b"is {\n keys\n}\n!", b"is ***\n!"),
        (["{\n long\n}\n"], b"{\r\n long\r\n}", b"{\r\n ***\r\n}"),
    ],
)
def test_what_is_covered(secrets, data, shown):
    assert fed(Mask(secrets), [data]) == shown
    assert fed(Mask(secrets), [bytes((each,)) for each in data]) == shown


@given(
    st.lists(st.text("ab\n", min_size=1, max_size=9), max_size=4),
    st.text("ab-", max_size=60),
    st.lists(st.integers(0, 100), max_size=6),
)
def test_pieces_make_no_difference_and_nothing_gets_through(secrets, text, cuts):
    data = text.encode()
    whole = fed(Mask(secrets), [data])
    assert fed(Mask(secrets), pieces(data, cuts)) == whole
    for secret in secrets:
        for part in parts(secret):
            assert part.encode() not in whole
    assert Mask(secrets).text(text).encode() == whole


def test_what_cannot_be_a_secret_is_shown_at_once():
    mask = Mask(["hunter2"])
    assert mask.feed(b"plain\n") == b"plain\n"
    assert mask.feed(b"hunt") == b""
    assert mask.feed(b"ing\n") == b"hunting\n"
