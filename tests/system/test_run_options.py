"""What ``farm run`` and its kin do with a matrix, end to end on a real image: retries, needs, selections, orders, stops."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from pathlib import Path

import pytest

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root

NUMBERS = "strategy: {matrix: {n: [1, 2, 3, 4, 5, 6]}}"


def outcomes(farm, run="latest"):
    return {each.job.id: each.outcome for each in farm.record(run).jobs}


def started(farm):
    """Ids in the order in which their first attempts started."""
    first = [(each.attempts[0].started_at, each.job.id) for each in farm.record().jobs if each.attempts]
    return [job_id for _, job_id in sorted(first)]


def test_what_can_never_fit_is_an_error_at_once_with_the_numbers(farm):
    cores = len(os.sched_getaffinity(0))
    pids = int(Path("/proc/sys/kernel/pid_max").read_text())
    matrix = farm.write(
        f"  wide: {{run: 'true', resources: {{cpus: {8 * cores}}}}}\n"
        f"  cpus: {{run: 'true', resources: {{cpus: {8 * cores + 1}}}}}\n"
        "  memory: {run: 'true', resources: {memory: 900T}}\n  disk: {run: 'true', resources: {disk: 900T}}\n"
        f"  pids: {{run: 'true', resources: {{pids: {pids}}}}}\n  after: {{run: 'true', needs: [cpus]}}"
    )
    done = farm.run("run", matrix, "-j", 8)
    assert done.returncode == 6, done.stdout + done.stderr
    found = {each.job.test: each for each in farm.record().jobs}
    assert {test: each.outcome for test, each in found.items()} == {
        **dict.fromkeys(("wide", "pids"), Outcome.PASSED),
        **dict.fromkeys(("cpus", "memory", "disk"), Outcome.ERROR),
        "after": Outcome.SKIPPED,
    }
    assert all(each.attempts == () for each in found.values() if each.outcome is not Outcome.PASSED)
    host = "1 core" if cores == 1 else f"{cores} cores"
    told = f"asks for {8 * cores + 1} cpus, and this host has {host}: --overcommit-cpu 8 makes {8 * cores}"
    assert found["cpus"].reason == told
    assert "asks for 900 TiB of memory, and this host has" in found["memory"].reason
    assert "asks for a disk of 900 TiB, and the file system of the farm's folder has" in found["disk"].reason
    assert found["memory"].reason in done.stdout
    assert farm.run("run", matrix, "-k", "cpus", "--overcommit-cpu", 9).returncode == 0


def test_every_attempt_is_kept_and_a_late_pass_is_flaky(farm):
    matrix = farm.write(
        "  again: {run: 'echo attempt $FARM_ATTEMPT; touch /was-here; [ $FARM_ATTEMPT = 3 ]', retries: {max: 2}}\n"
        "  never: {run: 'echo attempt $FARM_ATTEMPT; [ ! -e /was-here ]; touch /was-here; exit 7', retries: {max: 1}}"
    )
    done = farm.run("run", matrix)
    assert done.returncode == 1, done.stdout
    flaky, failed = farm.record().jobs
    assert (flaky.outcome, [each.number for each in flaky.attempts]) == (Outcome.FLAKY, [1, 2, 3])
    assert (failed.outcome, [each.number for each in failed.attempts]) == (Outcome.FAILED, [1, 2])
    # Exit status 7 of both: what the first one wrote was not there for the second.
    assert [each.reason for each in failed.attempts] == ["exit status 7"] * 2
    for each in (*flaky.attempts, *failed.attempts):
        assert (farm.folder / "reports/latest" / each.log_path).read_text() == f"attempt {each.number}\n"
    junit = (farm.folder / "reports/latest/junit.xml").read_text()
    assert junit.count("<flakyFailure") == 2
    assert junit.count("<rerunFailure") == 1


def test_the_dialect_of_junit_stays_with_the_run_and_its_kin(farm, monkeypatch):
    monkeypatch.delenv("CI_PROJECT_DIR", raising=False)
    matrix = farm.write("  unit: {run: 'exit 1'}")
    assert farm.run("run", matrix, "--junit-dialect", "ant").returncode == 1
    junit = farm.folder / "reports/latest/junit.xml"
    as_ant = junit.read_text()
    assert ' package="' in as_ant
    junit.unlink()
    assert farm.run("run", "--resume", "latest").returncode == 1
    assert junit.read_text() == as_ant
    assert farm.run("rerun").returncode == 1
    assert ' package="' in junit.read_text()
    assert farm.run("rerun", "--junit-dialect", "gitlab").returncode == 1
    assert re.search(r"\[\[ATTACHMENT\|reports/\d{8}T[^|/]+/logs/unit@small/1\.log\]\]", junit.read_text())
    assert ' file="matrix.yaml" line="4"' in junit.read_text()


def test_flaky_is_good_unless_asked(farm):
    matrix = farm.write("  again: {run: '[ $FARM_ATTEMPT = 2 ]'}")
    assert farm.run("run", matrix).returncode == 1
    assert farm.run("run", matrix, "--retries", 1).returncode == 0
    done = farm.run("run", matrix, "--retries", 1, "--fail-on-flaky")
    assert done.returncode == 1
    assert "1 flaky" in done.stdout


def test_an_unmet_need_skips_and_a_met_one_does_not(farm):
    matrix = farm.write(
        "  good: {run: 'true'}\n  bad: {run: 'false'}\n  after-good: {run: 'true', needs: [good]}\n"
        "  after-bad: {run: 'true', needs: [bad, good]}\n  last: {run: 'true', needs: [after-bad]}"
    )
    assert farm.run("run", matrix).returncode == 1
    found = {each.job.test: (each.outcome, each.reason) for each in farm.record().jobs}
    assert found["after-good"] == (Outcome.PASSED, "")
    assert found["after-bad"] == (Outcome.SKIPPED, "needs bad/small, which failed")
    assert found["last"] == (Outcome.SKIPPED, "needs after-bad/small, which was skipped")
    # A selection brings along what it needs.
    assert farm.run("run", matrix, "-k", "after-good").returncode == 0
    assert outcomes(farm) == {"good/small": Outcome.PASSED, "after-good/small": Outcome.PASSED}


def test_the_same_again_only_what_failed_and_the_command_for_it(farm):
    # The others take longer, so they go first where nothing else decides.
    matrix = farm.write(f"  unit: {{run: '[ {{{{ matrix.n }}}} != 3 ] && sleep 0.2', {NUMBERS}}}")
    done = farm.run("run", matrix)
    assert done.returncode == 1
    (shown,) = re.findall("again: (.*)", done.stdout)
    for command in (shown, farm.run("repro", "unit/small[n=3]").stdout.strip()):
        assert shlex.split(command) == ["farm", "run", "matrix.yaml", "--job", "unit/small[n=3]"]
        again = farm.run(*shlex.split(command)[1:])
        assert again.returncode == 1
        assert outcomes(farm) == {"unit/small[n=3]": Outcome.FAILED}
    assert farm.run("run", matrix).returncode == 1
    assert started(farm)[0] != "unit/small[n=3]"
    assert farm.run("rerun", "--failed").returncode == 1
    assert list(outcomes(farm)) == ["unit/small[n=3]"]
    assert farm.run("run", matrix, "--lf").returncode == 1
    assert list(outcomes(farm)) == ["unit/small[n=3]"]
    assert farm.run("run", matrix, "--ff", "-j", 1).returncode == 1
    assert started(farm)[0] == "unit/small[n=3]"
    assert farm.run("rerun").returncode == 1
    assert len(outcomes(farm)) == 6
    assert farm.run("run", matrix, "--job", "unit/small[n=4]", "--lf").returncode == 0
    assert list(outcomes(farm)) == ["unit/small[n=4]"]
    assert farm.run("rerun", "--failed").returncode == 5


def test_the_first_failure_ends_the_run_where_asked(farm, living):
    staying = "sleep 4861"
    matrix = farm.write(f"  first: {{run: 'false', priority: 1}}\n  long: {{run: 'exec {staying}', {NUMBERS}}}")
    done = farm.run("run", matrix, "-x", "-j", 3)
    assert done.returncode == 1, done.stdout
    assert farm.outcomes() == {Outcome.FAILED: 1, Outcome.CANCELLED: 6}
    assert all("after a failure" in each.reason for each in farm.record().jobs if each.outcome is Outcome.CANCELLED)
    assert living(staying) == []


def test_fail_fast_is_of_one_test(farm, living):
    staying = "sleep 4862"
    fast = "strategy: {fail-fast: true, matrix: {n: [1, 2, 3]}}"
    run = f"[ {{{{ matrix.n }}}} != 1 ] || exit 1; exec {staying}"
    matrix = farm.write(f"  fast: {{run: '{run}', {fast}}}\n  other: {{run: 'true'}}")
    assert farm.run("run", matrix).returncode == 1
    assert farm.outcomes() == {Outcome.FAILED: 1, Outcome.CANCELLED: 2, Outcome.PASSED: 1}
    assert living(staying) == []


def test_the_deadline_is_seven_and_everything_is_reported(farm, living):
    staying = "sleep 4863"
    matrix = farm.write(f"  quick: {{run: 'true', priority: 1}}\n  long: {{run: 'exec {staying}', {NUMBERS}}}")
    begun_s = time.monotonic()
    done = farm.run("run", matrix, "--deadline", "4s", "-j", 4)
    assert done.returncode == 7, done.stdout
    assert time.monotonic() - begun_s < 20 * farm.slowdown
    assert "the run's deadline passed" in done.stdout
    assert farm.outcomes() == {Outcome.PASSED: 1, Outcome.CANCELLED: 6}
    assert farm.record().status == "deadline"
    assert living(staying) == []


def test_a_seed_is_an_order_and_a_dry_run_shows_it_and_makes_nothing(farm):
    matrix = farm.write(f"  unit: {{run: 'true', {NUMBERS}}}\n  first: {{run: 'true', priority: 5}}")
    done = farm.run("run", matrix, "--seed", 4, "--dry-run", "--json")
    assert done.returncode == 0
    assert not (farm.folder / "reports").exists()
    order = [each["job"] for each in json.loads(done.stdout)]
    assert len(order) == 7
    assert order[0] == "first/small"
    assert farm.run("run", matrix, "--seed", 4, "-j", 1).returncode == 0
    assert started(farm) == order
    other = json.loads(farm.run("run", matrix, "--seed", 5, "--dry-run", "--json").stdout)
    assert [each["job"] for each in other] != order
    assert "7 jobs would run" in farm.run("run", matrix, "--dry-run").stdout


def test_what_took_long_starts_first_the_next_time(farm):
    # So far apart that what a busy host adds to one of them changes no order.
    matrix = farm.write("  unit: {run: 'sleep 0.{{ matrix.n }}', strategy: {matrix: {n: [0, 4, 8]}}}")
    assert farm.run("run", matrix, "-j", 1).returncode == 0
    assert started(farm) == [f"unit/small[n={n}]" for n in (0, 4, 8)]
    done = farm.run("run", matrix, "-j", 1, "-v")
    assert started(farm) == [f"unit/small[n={n}]" for n in (8, 4, 0)]
    assert re.search(r"makespan .* ideal for what the jobs took .*%; up to 1 at once", done.stdout)


def test_parts_are_the_whole(farm):
    matrix = farm.write(f"  unit: {{run: 'true', {NUMBERS}}}")
    seen = []
    for part in ("1/2", "2/2"):
        assert farm.run("run", matrix, "--shard", part).returncode == 0
        seen.append(set(outcomes(farm)))
    assert [len(each) for each in seen] == [3, 3]
    assert len(seen[0] | seen[1]) == 6


def test_repetitions_are_jobs_of_their_own_and_the_first_bad_one_may_end_them(farm):
    matrix = farm.write("  unit: {run: 'echo $FARM_JOB; [ \"$FARM_JOB\" != unit/small#3 ]'}")
    assert farm.run("run", matrix, "--repeat", 4).returncode == 1
    assert outcomes(farm) == {
        "unit/small": Outcome.PASSED,
        "unit/small#2": Outcome.PASSED,
        "unit/small#3": Outcome.FAILED,
        "unit/small#4": Outcome.PASSED,
    }
    assert shlex.split(farm.run("repro", "unit/small#3").stdout)[-1] == "unit/small"
    assert farm.run("run", matrix, "--until-fail", "-j", 1).returncode == 1
    found = farm.outcomes()
    assert (found[Outcome.PASSED], found[Outcome.FAILED], found[Outcome.CANCELLED]) == (2, 1, 97)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--job", "unit/smal"], "near it: unit/small"),
        (["run", "--resume", "latest"], "there is no run yet"),
        (["run", "--shard", "3/2"], "1/4"),
        (["run", "--reserve", "memory=900T"], "--reserve leaves nothing"),
        (["run", "--reserve", "disk=1G"], "cpus=1,memory=2G"),
        (["run", "--json"], "--dry-run"),
        (["run", "--resume", "latest", "--seed", "1"], "--seed cannot be changed"),
        (["rerun", "2020"], "there is no run 2020"),
        (["logs", "unit/small"], "there is no run yet"),
        (["repro", "unit/small"], "there is no run yet"),
    ],
)
def test_what_cannot_be_is_four_and_said(farm, arguments, said):
    farm.write("  unit: {run: 'true'}")
    done = farm.run(*arguments)
    assert done.returncode == 4, done.stdout
    assert said in done.stderr


def test_logs_follow_a_job_through_its_attempts_while_it_runs(farm):
    # However late it comes: the log of an attempt that has ended is shown as well, and then the next one.
    script = (
        "echo begun $FARM_ATTEMPT; [ $FARM_ATTEMPT = 1 ] || sleep 1; echo ended $FARM_ATTEMPT; [ $FARM_ATTEMPT = 2 ]"
    )
    matrix = farm.write(f"  unit: {{run: '{script}', retries: {{max: 1}}}}\n  other: {{run: 'sleep 1'}}")
    run = farm.start("run", matrix)
    assert farm.wait(lambda: farm.logs_that_say("begun") > 0)
    following = farm.start("logs", "-f", "unit/small", "--attempt", 1)
    out, err = following.communicate(timeout=60 * farm.slowdown)
    assert out == "begun 1\nended 1\nbegun 2\nended 2\n", err
    out, err = run.communicate(timeout=60 * farm.slowdown)
    assert run.returncode == 0, out + err
    assert farm.run("logs", "unit/small").stdout == "begun 2\nended 2\n"
    assert farm.run("logs", "unit/small", "--attempt", 1).stdout == "begun 1\nended 1\n"
    told = json.loads(farm.run("logs", "unit/small", "--json").stdout)
    assert [each["outcome"] for each in told["attempts"]] == ["failed", "passed"]
    done = farm.run("logs", "unit/small", "--attempt", 3)
    assert done.returncode == 4
    assert "no log of attempt 3" in done.stderr


def test_what_a_needed_job_left_is_seen_read_only(farm):
    artifacts = "artifacts: {paths: [/out/**]}"
    build = "mkdir /out; echo built by $FARM_ATTEMPT > /out/it; [ $FARM_ATTEMPT = 2 ]"
    matrix = farm.write(
        f"  build: {{run: '{build}', {artifacts}, retries: {{max: 1}}}}\n"
        f"  part: {{run: 'mkdir /out; echo {{{{ matrix.n }}}} > /out/n', {artifacts}, strategy: {{matrix: {{n: [1, 2]}}}}}}\n"
        "  use:\n    needs: [build, part]\n    run: |\n"
        "      cat /farm/needs/build/out/it /farm/needs/part@small[[]n=*/out/n\n"
        "      ! touch /farm/needs/build/out/it\n      ! touch /farm/needs/build/new\n"
    )
    done = farm.run("run", matrix)
    assert done.returncode == 0, done.stdout
    assert farm.run("logs", "use/small").stdout.startswith("built by 2\n1\n2\n")


def test_a_service_has_an_image_of_its_own_that_no_job_runs_on(farm, small_image):
    rootfs = small_image.partition("rootfs: ")[2].rstrip("}")
    if rootfs == "host":
        pytest.skip("needs an image with nc: Alpine's root filesystem in FARM_TEST_ROOTFS")
    matrix = farm.write(
        "  unit:\n    run: until nc 127.0.0.1 8080 | grep hello; do :; done\n    timeout: 30s\n    services:\n"
        f"      db: {{rootfs: {rootfs}, run: 'while :; do echo hello | nc -l -p 8080; done'}}"
    )
    done = farm.run("run", matrix)
    assert done.returncode == 0, done.stdout
    assert "hello" in farm.run("logs", "unit/small").stdout
    assert list(outcomes(farm)) == ["unit/small"]


def test_github_is_told_where_a_run_is_its(farm, monkeypatch):
    matrix = farm.write("  unit: {run: 'echo ::error::of a test; exit 1'}")
    summary = farm.folder / "summary.md"
    for name, value in {"ACTIONS": "true", "STEP_SUMMARY": str(summary), "WORKSPACE": str(farm.folder)}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    done = farm.run("run", matrix)
    assert done.returncode == 1
    assert "::error file=matrix.yaml,line=4,title=unit%3A 1 job bad::unit/small: exit status 1\n" in done.stderr
    assert "1 of 1 job bad" in summary.read_text()
    # Between the two its runner obeys nothing.
    first, *_, last = done.stdout.splitlines()
    assert last == f"::{first.removeprefix('::stop-commands::')}::"
    assert "::error::of a test" in done.stdout
