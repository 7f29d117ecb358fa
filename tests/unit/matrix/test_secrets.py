"""``secrets``: names in the file, values nowhere but on the host that runs it."""

from __future__ import annotations

import pytest

from farm.errors import UsageError
from farm.matrix.secrets import check_secrets
from farm.model.job import Job


def job(name: str, *secrets: str, condition: str = "", late: bool = False) -> Job:
    return Job(name, name, "d", (), ("sh",), "", secrets=secrets, condition=condition, late=late)


def test_what_is_there_is_there_and_may_be_empty() -> None:
    check_secrets([job("a", "TOKEN", "EMPTY"), job("b")], {"TOKEN": "long", "EMPTY": ""})


def test_every_one_that_is_missing_is_named_once_with_the_first_job_that_wants_it() -> None:
    with pytest.raises(UsageError) as caught:
        check_secrets([job("a", "ONE", "TWO"), job("b", "ONE", "THREE")], {"TWO": "hunter2"})
    said = caught.value
    assert said.brief == "secrets are not in the environment: ONE, THREE"
    assert said.detail == "ONE: wanted by a\nTHREE: wanted by b"
    assert "hunter2" not in str(said)


def test_a_job_that_is_skipped_before_the_run_wants_none_and_one_that_may_run_does() -> None:
    check_secrets([job("a", "ONE", condition="its if is false: false")], {})
    with pytest.raises(UsageError, match="a secret is not in the environment: ONE"):
        check_secrets([job("a", "ONE", condition="distro.libc == 'glibc'", late=True)], {})


def test_one_that_could_not_be_covered_is_refused_and_not_shown() -> None:
    environment = {"PIN": "7#9", "BLANK": " \n ", "LINES": "ab\ncd\nef", "LONG": "ab\ncdef", "BYTES": "\u00e4\u00f6"}
    with pytest.raises(UsageError) as caught:
        check_secrets([job("a", *environment), job("b", "PIN")], environment)
    said = caught.value
    assert said.brief == "secrets are too short to be kept: PIN, BLANK, LINES"
    assert said.detail.startswith("PIN: wanted by a\nBLANK: wanted by a\nLINES: wanted by a\n")
    assert "at least 4 bytes" in said.remedy
    assert "7#9" not in said.brief + said.detail + said.remedy
