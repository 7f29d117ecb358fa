"""Each way a run can end, by a real cause, and the exit code that it has."""

from __future__ import annotations

import gzip
import re
import resource
from pathlib import Path

import pytest

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

ALLOCATE = "dd bs=200M count=1 if=/dev/zero of=/dev/null"
CAUSES = {
    "passed": ("true", "", Outcome.PASSED, 0),
    "failed": ("exit 3", "", Outcome.FAILED, 1),
    "timeout": ("sleep 600", "timeout: 300ms", Outcome.TIMEOUT, 1),
    "oom": (ALLOCATE, "resources: {memory: 64M}", Outcome.OOM, 1),
    "skipped": ("exit 77", "", Outcome.SKIPPED, 0),
    "too-large": ("true", "resources: {memory: 900T}", Outcome.ERROR, 6),
    "no-shell": ("true", "shell: /no/such/shell", Outcome.ERROR, 6),
}


@pytest.mark.parametrize("name", CAUSES)
def test_outcome_and_exit_code(farm, name):
    run, more, outcome, code = CAUSES[name]
    matrix = farm.write(f"  {name}:\n    run: '{run}'\n" + (f"    {more}\n" if more else ""))
    done = farm.run("run", matrix)
    assert done.returncode == code, done.stdout + done.stderr
    assert farm.outcomes() == {outcome: 1}
    for file in ("index.html", "junit.xml", "results.json"):
        assert (farm.folder / "reports/latest" / file).stat().st_size > 0


def test_a_bad_job_weighs_more_than_an_error_of_the_farm(farm):
    matrix = farm.write(
        '  bad: {run: "false"}\n  large: {run: "true", resources: {memory: 900T}}\n  good: {run: "true"}'
    )
    assert farm.run("run", matrix).returncode == 1
    assert farm.outcomes() == {Outcome.FAILED: 1, Outcome.ERROR: 1, Outcome.PASSED: 1}


def test_nothing_selected_is_five_and_leaves_no_report(farm):
    matrix = farm.write('  unit: {run: "true"}')
    done = farm.run("run", matrix, "-k", "integration")
    assert done.returncode == 5
    assert "no job was selected" in done.stderr
    assert not (farm.folder / "reports").exists()


def test_an_image_that_cannot_be_had_is_the_farms_error_and_others_run(farm):
    broken = farm.folder / "broken.tar.gz"
    broken.write_bytes(gzip.compress(b"this is no archive" * 100))
    matrix = farm.write('  unit: {run: "true"}', distros=f"{{name: broken, rootfs: {broken}}}, {farm.distro}")
    done = farm.run("run", matrix)
    assert done.returncode == 6, done.stdout
    (failed,) = (each for each in farm.record().jobs if each.outcome is Outcome.ERROR)
    assert failed.job.distro == "broken"
    assert "image" in failed.reason
    assert str(broken) in failed.reason


@pytest.mark.parametrize("kind", ["live", "plain", "quiet"])
def test_every_ui_tells_of_what_failed(farm, kind):
    matrix = farm.write('  unit: {run: "echo seen in the log; exit 9"}')
    done = farm.run("run", matrix, "--ui", kind)
    assert done.returncode == 1
    assert "exit status 9" in done.stdout
    assert "seen in the log" in done.stdout


def test_a_reader_that_goes_away_costs_no_report(farm):
    matrix = farm.write('  unit: {run: "true", strategy: {matrix: {n: [1, 2, 3, 4, 5, 6, 7, 8]}}}')
    process = farm.start("run", matrix)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    process.wait(60)
    assert process.returncode == 0
    assert farm.outcomes() == {Outcome.PASSED: 8}


def test_the_link_latest_follows_the_runs(farm):
    matrix = farm.write('  unit: {run: "true"}')
    reports = Path(farm.folder / "reports")
    for expected in (1, 2):
        assert farm.run("run", matrix).returncode == 0
        assert len(farm.runs()) == expected
        assert (reports / "latest").readlink() == Path(farm.record().info.id)
    assert not list(reports.rglob(".*"))


def test_C11_few_descriptors_are_fewer_jobs_at_once_and_no_failures(farm):
    numbers = ", ".join(str(each) for each in range(60))
    matrix = farm.write(f"  unit: {{run: 'echo up', strategy: {{matrix: {{n: [{numbers}]}}}}}}")

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

    process = farm.start("run", matrix, "-j", "60", preexec_fn=limit)
    out, err = process.communicate(timeout=60 * farm.slowdown)
    assert process.returncode == 0, out + err
    assert re.search("at most (16|32) jobs at once", out)  # with a group of cgroup v2 for each, and without
    assert farm.outcomes() == {Outcome.PASSED: 60}
