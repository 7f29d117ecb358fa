"""Every outcome of an attempt and which one wins where several could be said."""

from __future__ import annotations

import itertools
import signal

import pytest

from farm.engine.verdict import describe, judge
from farm.launcher.container import Ended
from farm.model.job import Failure
from farm.model.limits import Usage
from farm.model.outcome import Outcome

FAILURE = Failure("mount overlay on /", "mount(...): ENOENT", 2, "look")


def ended(status=0, *, oom_kills=0, failure=None):
    return Ended(status, Usage(oom_kills=oom_kills), failure, 1.0)


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (0, Outcome.PASSED, ""),
        (1 << 8, Outcome.FAILED, "exit status 1"),
        (77 << 8, Outcome.SKIPPED, "exit status 77"),
        (137 << 8, Outcome.FAILED, "exit status 137"),
        (255 << 8, Outcome.FAILED, "exit status 255"),
        (signal.SIGKILL, Outcome.FAILED, "killed by SIGKILL (Killed)"),
        (signal.SIGSEGV | 0x80, Outcome.FAILED, "killed by SIGSEGV (Segmentation fault)"),
        (40, Outcome.FAILED, "killed by signal 40"),
    ],
)
def test_status_of_the_command_decides_where_nothing_else_happened(status, outcome, reason):
    verdict = judge(ended(status))
    assert (verdict.outcome, verdict.reason, verdict.failure) == (outcome, reason, None)


def test_skip_exit_code_is_the_jobs():
    assert judge(ended(5 << 8), skip_exit_code=5).outcome is Outcome.SKIPPED
    assert judge(ended(77 << 8), skip_exit_code=5).outcome is Outcome.FAILED


def test_passing_wins_over_a_skip_exit_code_of_zero():
    assert judge(ended(0), skip_exit_code=0).outcome is Outcome.PASSED


@pytest.mark.parametrize(("kills", "words"), [(1, "a process"), (3, "3 processes")])
def test_oom_is_what_the_kernels_counter_says(kills, words):
    verdict = judge(ended(0, oom_kills=kills))
    assert verdict.outcome is Outcome.OOM
    assert words in verdict.reason


def test_counter_that_the_host_lacks_is_no_oom():
    assert judge(Ended(signal.SIGKILL, Usage(oom_kills=None), None, 1.0)).outcome is Outcome.FAILED


def test_failure_of_the_farm_is_error_with_its_step():
    verdict = judge(ended(None, failure=FAILURE))
    assert (verdict.outcome, verdict.failure) == (Outcome.ERROR, FAILURE)
    assert verdict.reason == "mount overlay on /: mount(...): ENOENT"


def test_lost_status_is_an_error_never_a_failure_of_the_test():
    verdict = judge(ended(None))
    assert verdict.outcome is Outcome.ERROR
    assert verdict.failure is not None
    assert verdict.failure.step == "init"
    assert "before the command" in verdict.reason


def test_precedence_in_every_combination():
    """cancelled, oom, error, timeout, then the command's own status."""
    for cancelled, oom, failed, late, status in itertools.product((True, False), repeat=5):
        verdict = judge(
            ended(0 if status else None, oom_kills=int(oom), failure=FAILURE if failed else None),
            timed_out="ran longer" if late else "",
            cancelled=cancelled,
        )
        wanted = (
            Outcome.CANCELLED
            if cancelled
            else Outcome.OOM
            if oom
            else Outcome.ERROR
            if failed
            else Outcome.TIMEOUT
            if late
            else Outcome.PASSED
            if status
            else Outcome.ERROR
        )
        assert verdict.outcome is wanted
        assert verdict.reason or wanted is Outcome.PASSED


def test_every_signal_has_a_description():
    for number in range(1, 65):
        assert describe(-number).startswith("killed by ")
