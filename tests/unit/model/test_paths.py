"""B14: names that people chose as names of files."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.model.paths import safe_name

any_text = st.text(st.characters(codec=None), max_size=300)
hostile = st.text(st.sampled_from("./\\@%~\0 aA:\n\ud800é"), max_size=8)


@settings(max_examples=500, deadline=None)
@given(any_text | hostile)
def test_B14_name_is_one_safe_component(job_id):
    name = safe_name(job_id)
    assert name
    assert name.isascii()
    assert name.isprintable()
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) <= 200
    assert os.path.normpath(f"/logs/{name}") == f"/logs/{name}"


@settings(max_examples=500, deadline=None)
@given(any_text | hostile, any_text | hostile)
def test_B14_different_ids_have_different_names(one, other):
    assert (safe_name(one) == safe_name(other)) == (one == other)


@given(st.text("ab/@%~.", min_size=195, max_size=215), st.text("ab/@%~.", min_size=195, max_size=215))
def test_B14_long_ids_too(one, other):
    assert (safe_name(one) == safe_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("job_id", "name"),
    [
        ("unit/alpine[opt=O2]", "unit@alpine[opt=O2]"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("", "%"),
        ("a\0b", "a%00b"),
        ("é", "%C3%A9"),
        ("a@b", "a%40b"),
    ],
)
def test_names(job_id, name):
    assert safe_name(job_id) == name


def test_name_fits_a_file_system(tmp_path):
    (tmp_path / safe_name("\U0001f600" * 300)).write_text("there")
