"""Which logs lie in the page, and which are compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm.model.distro import Facts
from farm.model.outcome import Outcome
from farm.model.run import RunRecord, UsedImage
from farm.report.logs import TAIL_BYTES
from farm.report.page.choice import LOG_LINES, LOGS, LOGS_BYTES, choose
from tests.unit.report.runs import info, mixed


def _numbers(record):
    return {each.job.id: number for number, each in enumerate(record.jobs)}


def test_D06_logs_are_bounded_however_many_failed(tmp_path):
    bad = [each for each in mixed(tmp_path, 8, bad=1).jobs if each.outcome is Outcome.FAILED]
    many = [replace(each, job=replace(each.job, id=str(number))) for number, each in enumerate(bad * 150)]
    record = RunRecord(info(), tuple(many), status="bad")
    assert list(choose(record, _numbers(record)).lines.values()) == [LOG_LINES] * LOGS

    large = [replace(each, attempts=tuple(replace(one, log_bytes=1 << 30) for one in each.attempts)) for each in many]
    record = RunRecord(info(), tuple(large), status="bad")
    assert len(choose(record, _numbers(record)).lines) == LOGS_BYTES // TAIL_BYTES


@pytest.mark.parametrize(("tests", "good"), [(10, True), (40, False)])
def test_logs_of_good_jobs_are_in_the_page_of_a_small_run_after_all_others(tmp_path, tests, good):
    record = mixed(tmp_path, tests, bad=3)
    told = [number for number, _ in choose(record, _numbers(record)).lines]
    outcomes = [record.jobs[number].outcome for number in told]
    assert (Outcome.PASSED in outcomes) == good
    assert {Outcome.FAILED, Outcome.FLAKY} <= set(outcomes)
    if good:
        assert Outcome.FAILED not in outcomes[outcomes.index(Outcome.PASSED) :]


def test_a_log_is_compared_with_that_of_the_distro_most_like_its_own(tmp_path):
    distros = ("alpine-1", "debian-1", "ubuntu-1", "alpine-2")
    record = mixed(tmp_path, 1, distros=distros, bad=1000)
    failed = replace(record.jobs[3], outcome=Outcome.FAILED)
    images = tuple(
        UsedImage(str(number) * 64, distro, "", Facts(libc="musl" if "alpine" in distro else "glibc"))
        for number, distro in enumerate(distros)
    )
    record = replace(record, jobs=(*record.jobs[:3], failed), images=images)
    assert choose(record, _numbers(record)).passed == {3: 0}
    assert choose(replace(record, images=()), _numbers(record)).passed == {3: 0}  # the first, where nothing is known
    images = (
        *images[:2],
        replace(images[2], facts=Facts(libc="musl", family="x")),
        replace(images[3], facts=Facts(libc="musl", family="x")),
    )
    assert choose(replace(record, images=images), _numbers(record)).passed == {3: 2}
