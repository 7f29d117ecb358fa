"""What the end of a container means for the job: pure."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace

from farm.launcher.container import Ended
from farm.model.job import Failure
from farm.model.outcome import Outcome
from farm.model.rules import Expect
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and the sentence that explains it; ``failure`` where it is the farm's own."""

    outcome: Outcome
    reason: str = ""
    failure: Failure | None = None


def judge(ended: Ended, *, timed_out: str = "", cancelled: bool = False, skip_exit_code: int = 77) -> Verdict:
    """The one outcome of an attempt. ``timed_out`` is the sentence of the timeout that was acted on, or empty.

    In this order: what the farm itself did to the container (cancelled), what the farm could not do (error), what the
    kernel did (oom: its own counters say so, and it explains a timeout as well as an exit), then timeout, then the command.
    """
    kills = ended.usage.oom_kills or 0
    if cancelled:
        return Verdict(Outcome.CANCELLED, "stopped before it ended")
    if kills and ended.usage.limit_hits == 0:
        return _starved()
    if kills:
        killed = "a process" if kills == 1 else f"{kills} processes"
        return Verdict(Outcome.OOM, f"the kernel killed {killed} of this job for exceeding its memory quota")
    if ended.failure is not None:
        return Verdict(Outcome.ERROR, f"{ended.failure.step}: {ended.failure.message}", ended.failure)
    if timed_out:
        return Verdict(Outcome.TIMEOUT, timed_out)
    if ended.status is None:
        return _lost()
    code = os.waitstatus_to_exitcode(ended.status)
    if code == 0:
        return Verdict(Outcome.PASSED)
    if code == skip_exit_code:
        return Verdict(Outcome.SKIPPED, f"exit status {code}")
    return Verdict(Outcome.FAILED, describe(code))


def expected(found: Verdict, expect: Expect) -> Verdict:
    """``found`` as the job's ``expect`` takes it. Only what its command did by itself can be as expected, or not.

    An error of the farm, a lack of time or memory, a cancelled and a skipped job say nothing of what was to be shown.
    """
    if expect is Expect.FAIL and found.outcome is Outcome.FAILED:
        return replace(found, outcome=Outcome.XFAILED, reason=f"{found.reason}, as expected")
    if expect is Expect.FAIL and found.outcome is Outcome.PASSED:
        return replace(found, outcome=Outcome.XPASSED, reason="passed, and was expected to fail")
    if expect is Expect.ANY and found.outcome is Outcome.FAILED:
        return replace(found, outcome=Outcome.PASSED, reason=f"{found.reason}, which may be")
    return found


def without_artifacts(found: Verdict, error: OSError) -> Verdict:
    """``found`` where the host could not keep the attempt's artifacts: a good one is the farm's error then."""
    if not found.outcome.good:
        return found
    failure = Failure("copy artifacts", str(error), error.errno or 0)
    return Verdict(Outcome.ERROR, f"{failure.step}: {failure.message}", failure)


def describe_status(wait_status: int) -> str:
    """A wait status in words."""
    return describe(os.waitstatus_to_exitcode(wait_status))


def describe(code: int) -> str:
    """An exit code in words; negative means a signal, as in ``subprocess``."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name} ({signal.strsignal(-code)})"
    except ValueError:
        return f"killed by signal {-code}"


def _starved() -> Verdict:
    message = "a process of this job was killed for memory, and the job was within its quota"
    hint = "the host, or a control group around the farm, ran out: fewer jobs at once (-j, --overcommit-memory)"
    failure = Failure("memory", message, errno.ENOMEM, hint)
    return Verdict(Outcome.ERROR, message, failure)


def _lost() -> Verdict:
    failure = Failure("init", "PID 1 of the container ended before the command")
    return Verdict(Outcome.ERROR, failure.message, failure)
