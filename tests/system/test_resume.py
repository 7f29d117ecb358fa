"""A run that was killed is gone on with: every job ends with exactly one outcome, and none that had one runs again."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from farm.model.outcome import Outcome
from tests.system.conftest import processes_of

pytestmark = pytest.mark.root

MANY = 500


def rows(farm, run, statement):
    with closing(sqlite3.connect(farm.folder / "reports" / run / "journal.sqlite")) as db:
        return db.execute(statement).fetchall()


@pytest.mark.slow_in_vm
def test_C01_500_jobs_killed_in_the_middle_twice_and_resumed_have_one_outcome_each(farm):
    axis = f"strategy: {{matrix: {{n: [{', '.join(map(str, range(MANY - 1)))}]}}}}"
    matrix = farm.write(
        f"  unit: {{run: 'echo on; [ {{{{ matrix.n }}}} != 7 ]', {axis}, retries: {{max: 1}}, needs: [build]}}\n"
        "  build: {run: 'true'}"
    )
    process = farm.start("run", matrix, "-q", "--retries", 1, "-j", 8)
    killed = 0
    for least in (MANY // 4, MANY // 2):
        assert farm.wait(lambda least=least: farm.logs_that_say("on") > least, 60)
        process.kill()
        process.wait()
        (run,) = farm.runs()
        before = Counter(each for (each,) in rows(farm, run.name, "SELECT job_id FROM outcome"))
        assert killed < len(before) < MANY
        killed = len(before)
        process = farm.start("run", "--resume", run.name[:20], "-q")
    out, err = process.communicate(timeout=100 * farm.slowdown)
    assert process.returncode == 1, out + err

    assert [each.name for each in farm.runs()] == [run.name]
    assert farm.outcomes() == {Outcome.PASSED: MANY - 1, Outcome.FAILED: 1}
    assert farm.record().status == "bad"
    ends = Counter(each for (each,) in rows(farm, run.name, "SELECT job_id FROM outcome"))
    assert len(ends) == MANY
    assert set(ends.values()) == {1}
    attempts = Counter(rows(farm, run.name, "SELECT job_id, number FROM attempt"))
    assert set(attempts.values()) == {1}
    assert len(attempts) == MANY + 1  # the one that fails has two
    assert (farm.folder / "reports/latest/index.html").stat().st_size > 0

    record = farm.record()
    (image,) = record.images  # told by three processes, and the same one
    assert {one.image for each in record.jobs for one in each.attempts} == {image.digest}
    began = [one.began_s for each in record.jobs for one in each.attempts if one.began_s is not None]
    assert len(began) == MANY + 1
    assert 0 < min(began) < max(began) < record.duration_s
    sampled = [each.at_s for each in record.samples]
    assert sampled == sorted(sampled)
    assert 0 < sampled[0] <= sampled[-1] <= record.duration_s  # a fast host is done before there is a second one


def test_attempts_of_before_count_and_asked_for_options_stay(farm):
    script = 'echo attempt $FARM_ATTEMPT; [ "$FARM_ATTEMPT" != 2 ] || exec sleep 4871; exit 1'
    matrix = farm.write(f"  unit: {{run: '{script}'}}")
    process = farm.start("run", matrix, "--retries", 3)
    assert farm.wait(lambda: farm.logs_that_say("attempt 2") > 0)
    process.kill()
    process.wait()
    assert farm.wait(lambda: not processes_of("sleep 4871"))  # of the run that was killed
    matrix.write_text(matrix.read_text().replace("exec sleep 4871", "exit 1"))
    (run,) = farm.runs()
    # The script is the one that was recorded: the attempt hangs again, until this run is ended as well.
    again = farm.start("run", "--resume", run.name)
    assert farm.wait(lambda: bool(processes_of("sleep 4871")))
    again.send_signal(2)
    again.send_signal(15)
    again.communicate(timeout=30)
    (job,) = farm.record(run.name).jobs
    assert [(each.number, each.outcome) for each in job.attempts] == [(1, Outcome.FAILED), (2, Outcome.CANCELLED)]
    # An attempt that was cancelled decides nothing: the one before it was bad.
    assert job.outcome is Outcome.FAILED


def test_a_run_that_goes_on_is_not_resumed_and_one_that_has_ended_is_reported_again(farm, living):
    staying = "sleep 4872"
    matrix = farm.write(f"  unit: {{run: 'exec {staying}'}}")
    process = farm.start("run", matrix)
    assert farm.wait(lambda: len(living(staying)) == 1)
    (run,) = farm.runs()
    done = farm.run("run", "--resume", run.name)
    assert done.returncode == 4
    assert "still going on" in done.stderr
    done = farm.run("rerun", "--failed")
    assert done.returncode == 4
    assert "still going on" in done.stderr
    process.terminate()
    assert process.wait(30) == 2
    (run / "index.html").unlink()
    done = farm.run("run", "--resume", "latest")
    assert done.returncode == 2
    assert "every job has its outcome" in done.stdout
    assert (run / "index.html").exists()


def test_latest_is_the_run_that_was_killed_and_not_the_last_that_has_a_report(farm, living):
    staying = "sleep 4874"
    matrix = farm.write(f"  good: {{run: 'true'}}\n  unit: {{run: 'exec {staying}'}}")
    assert farm.run("run", matrix, "-k", "good").returncode == 0
    process = farm.start("run", matrix, "-k", "unit")
    assert farm.wait(lambda: len(living(staying)) == 1)
    process.kill()
    process.wait()
    assert farm.wait(lambda: living(staying) == [])
    killed = max(farm.runs(), key=lambda run: run.stat().st_mtime_ns)
    again = farm.start("run", "--resume", "latest")
    assert farm.wait(lambda: len(living(staying)) == 1)
    again.terminate()
    assert again.wait(30) == 2
    assert [each.job.id for each in farm.record(killed.name).jobs] == ["unit/small"]
    assert farm.record("latest").info.id == killed.name


def test_a_distro_that_the_file_no_longer_has_is_said(farm, living):
    staying = "sleep 4873"
    matrix = farm.write(f"  unit: {{run: 'exec {staying}'}}")
    process = farm.start("run", matrix)
    assert farm.wait(lambda: len(living(staying)) == 1)
    process.kill()
    process.wait()
    matrix.write_text(matrix.read_text().replace("name: small", "name: other"))
    (run,) = farm.runs()
    done = farm.run("run", "--resume", run.name)
    assert done.returncode == 4
    assert "no longer has small" in done.stderr
    assert farm.run("gc").returncode == 0
