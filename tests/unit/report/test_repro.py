from __future__ import annotations

import shlex

from farm.model.run import Asked
from farm.report.repro import repro
from tests.unit.report.runs import info
from tests.unit.schedule.jobs import make_job

JOB = make_job("unit/alpine-3.19[opt=it's & <b>]")


def test_it_is_one_shell_word_for_each_and_the_file_from_here() -> None:
    found = repro(info(matrix_path="/home/qa/product/ci/matrix.yaml"), JOB, directory="/home/qa/product")
    assert shlex.split(found) == ["farm", "run", "ci/matrix.yaml", "--job", JOB.id]
    found = repro(info(matrix_path="/home/qa/product/matrix.yaml"), JOB, directory="/tmp")
    assert shlex.split(found)[2] == "/home/qa/product/matrix.yaml"
    assert repro(info(matrix_path="/home/matrix.yaml"), JOB, directory="").split()[2] == "/home/matrix.yaml"


def test_what_changes_an_outcome_comes_along_and_what_does_not_stays_out() -> None:
    asked = Asked(
        keyword="unit",
        slots=300,
        retries=2,
        fail_on_flaky=True,
        locked=True,
        reserve_cpus=1.5,
        reserve_memory_bytes=1 << 30,
        catalogue=("/etc/my distros",),
        seed=4,
    )
    found = repro(info(matrix_path="/m.yaml", asked=asked), make_job("unit/a#12"), directory="/")
    assert shlex.split(found) == [
        "FARM_DISTROS=/etc/my distros",
        *("farm", "run", "m.yaml", "--job", "unit/a"),
        *("--retries", "2", "--fail-on-flaky", "--locked", "--reserve", "cpus=1.5,memory=1073741824"),
    ]
