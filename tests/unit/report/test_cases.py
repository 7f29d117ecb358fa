"""Test cases that jobs left behind: read from any file without harm, and merged into junit.xml."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.errors import FarmError
from farm.model.artifact import Case, CaseOutcome
from farm.model.outcome import Outcome
from farm.report import cases, junit
from tests.unit.report.runs import one
from tests.unit.report.schemas import needs_schemas, valid

PASSED, FAILED, ERROR, SKIPPED = CaseOutcome


def test_each_outcome_and_what_belongs_to_it():
    text = b"""<?xml version="1.0"?>
    <testsuite name="s">
      <properties><property name="a" value="b"/></properties>
      <testcase name="plain"/>
      <testcase classname="a.b" name="timed" time="1,234.5"/>
      <testcase name="negative" time="-1"/><testcase name="none" time="soon"/><testcase name="nan" time="nan"/>
      <testcase name="f"><failure message="no">trace</failure></testcase>
      <testcase name="e"><error>trace</error><system-out>x</system-out></testcase>
      <testcase name="s"><skipped/></testcase>
      <testcase name="both"><failure message="f"/><error message="e"/></testcase>
    </testsuite>"""
    assert cases.parse(text, "a/junit.xml") == [
        Case("plain", file="a/junit.xml"),
        Case("timed", "a.b", 1234.5, file="a/junit.xml"),
        *(Case(name, file="a/junit.xml") for name in ("negative", "none", "nan")),
        Case("f", outcome=FAILED, message="no\ntrace", file="a/junit.xml"),
        Case("e", outcome=ERROR, message="trace", file="a/junit.xml"),
        Case("s", outcome=SKIPPED, file="a/junit.xml"),
        Case("both", outcome=ERROR, message="e", file="a/junit.xml"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "it is no XML"),
        (b"<testsuite>", "it is no XML"),
        (b"<testsuite>\0</testsuite>", "it is no XML"),
        (b'<?xml version="1.0" encoding="none-such"?><testsuite/>', "it is no XML"),
        (b"<!DOCTYPE testsuite><testsuite/>", "it has a document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>', "it has a document type"),
        (b'<!DOCTYPE x [<!ENTITY e "x">]><testsuite name="&e;"/>', "it has a document type"),
        (b"<testsuite>" * 60 + b"</testsuite>" * 60, "deeper or larger"),
        (b"<testsuite>" + b"<testcase/>" * 100_000 + b"</testsuite>", "deeper or larger"),
        (b"<html/>", "it is no JUnit file"),
    ],
)
def test_D02_what_is_refused(text, message):
    with pytest.raises(FarmError, match=message):
        cases.parse(text, "f")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_D02_any_bytes_are_cases_or_refused(text):
    for each in (text, b"<testsuite><testcase name='" + text + b"'/></testsuite>"):
        try:
            found = cases.parse(each, "f")
        except FarmError:
            continue
        assert all(isinstance(case, Case) for case in found)


def test_long_texts_are_cut():
    text = f"<testsuite><testcase name='{'n' * 9999}'><failure>{'m' * 99999}</failure></testcase></testsuite>"
    (found,) = cases.parse(text.encode(), "f")
    assert (len(found.name), len(found.message)) == (500, 4000)


def test_they_come_back_as_they_were_saved(tmp_path):
    given_cases = [Case("n\udcff", "c", 1.5, ERROR, "m", "f"), Case("o")]
    cases.save(str(tmp_path / "x.json"), given_cases)
    assert cases.load(str(tmp_path), "x.json") == tuple(given_cases)
    text = (tmp_path / "x.json").read_text()
    (tmp_path / "x.json").write_text(text[:-5])
    assert cases.load(str(tmp_path), "x.json") == ()
    assert cases.load(str(tmp_path), "gone.json") == ()


def merged(tmp_path, found):
    record = one(tmp_path, Outcome.FAILED, b"said\n")
    cases.save(str(tmp_path / "cases.json"), found)
    (job,) = record.jobs
    job = replace(job, attempts=(replace(job.attempts[0], cases_path="cases.json"),))
    return junit.render(replace(record, jobs=(job,)), str(tmp_path))


@needs_schemas
def test_they_follow_their_job(tmp_path):
    tree = valid(
        merged(
            tmp_path,
            [
                Case("good", "pkg.mod", 0.5),
                Case("bad", "pkg.mod", 0.25, FAILED, "1 != 2\ntrace"),
                Case("bad", "pkg.mod"),
                Case("broken", "", 0.0, ERROR, "no"),
                Case("left", "", 0.0, SKIPPED, "no network"),
                Case("", ""),
            ],
        )
    )
    (suite,) = tree.findall("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "7",
        "2",
        "1",
        "1",
    )
    found = suite.findall("testcase")
    assert [(each.get("classname"), each.get("name"), each.get("time")) for each in found[1:]] == [
        ("t/d_1.pkg.mod", "good", "0.500"),
        ("t/d_1.pkg.mod", "bad", "0.250"),
        ("t/d_1.pkg.mod", "bad (2)", "0.000"),
        ("t/d_1", "broken", "0.000"),
        ("t/d_1", "left", "0.000"),
        ("t/d_1", "unnamed", "0.000"),
    ]
    failure = found[2].find("failure")
    assert (failure.get("type"), failure.get("message"), failure.text) == ("failed", "1 != 2", "1 != 2\ntrace")


@needs_schemas
@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=20), st.sampled_from(CaseOutcome))
def test_D01_D02_valid_whatever_they_are_called(tmp_path_factory, text, outcome):
    valid(merged(tmp_path_factory.mktemp("run"), [Case(text, text, 1e-7, outcome, text, text)] * 2))
