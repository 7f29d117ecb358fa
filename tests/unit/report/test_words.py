from __future__ import annotations

from dataclasses import replace

import pytest

from farm.model.build import Network
from farm.model.job import Job
from farm.report import words
from tests.unit.report.runs import info

JOB = Job("t/d", "t", "d", (), ("sh", "-c", "true"), "true")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ""),
        ({"network": Network.ISOLATED}, ""),
        ({"network": Network.HOST}, "network: host"),
        ({"network": Network.HOST, "no_new_privs": False}, "no-new-privs: false, network: host"),
    ],
)
def test_what_a_job_opted_out_of(fields, said):
    assert words.opted_out(replace(JOB, **fields)) == said


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "user namespace, seccomp, control groups hybrid"),
        (
            {"user_namespace": False, "seccomp": False, "cgroup": "v2"},
            "no user namespace, no seccomp, control groups v2",
        ),
    ],
)
def test_what_holds_a_container(known, said):
    assert words.isolation(info(**known)) == said
