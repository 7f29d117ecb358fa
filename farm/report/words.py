"""What a report says in words: how an attempt ended, what it used of what it was given, what isolation it went without.
Pure.
"""

from __future__ import annotations

import errno
import os
import signal

from farm.model.build import Network
from farm.model.job import Attempt, Failure, Job
from farm.model.run import RunInfo
from farm.units import format_bytes, format_duration
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of use against a limit; ``share`` is 0 to 1 of it, None where there is no bar to draw."""

    name: str
    text: str
    share: float | None = None
    hit: bool = False


def ending(wait_status: int | None) -> str:
    """A wait status as waitpid(2) gives it, in words; empty where there is none."""
    if wait_status is None:
        return ""
    code = os.waitstatus_to_exitcode(wait_status)
    if code >= 0:
        return f"exit status {code}"
    core = ", core dumped" if os.WCOREDUMP(wait_status) else ""
    try:
        known = signal.Signals(-code)
    except ValueError:
        return f"killed by signal {-code}{core}"
    return f"killed by {known.name} ({signal.strsignal(known)}){core}"


def errno_name(number: int) -> str:
    """``ENOSPC`` for 28; the number itself where it has no name, empty for 0."""
    return errno.errorcode.get(number, str(number)) if number else ""


def told(reason: str, attempt: Attempt | None) -> str:
    """``reason`` in one sentence that names the step, the errno and the hint where the farm itself failed."""
    failure = attempt.failure if attempt else None
    if failure is None:
        return reason
    found = reason or failure.message
    if failure.step not in found:
        found = f"{failure.step}: {found}"
    name = errno_name(failure.errno)
    if name and name not in found:
        found = f"{found} ({name})"
    return f"{found}; {failure.hint}" if failure.hint and failure.hint not in found else found


def trouble(failure: Failure) -> tuple[tuple[str, str], ...]:
    """What the farm could not do, as names and values: step, errno, hint."""
    number = f"{errno_name(failure.errno)} ({os.strerror(failure.errno)})" if failure.errno else ""
    found = (("step", failure.step), ("errno", number), ("hint", failure.hint))
    return tuple((name, text) for name, text in found if text)


def measures(job: Job, attempt: Attempt) -> tuple[Measure, ...]:
    """Use against limits, in a fixed order; a counter that the host cannot give is left out."""
    usage, limits = attempt.usage, job.limits
    found = [
        Measure(
            "time",
            f"{format_duration(attempt.duration_s)} of {format_duration(job.timeout_s)}",
            _share(attempt.duration_s, job.timeout_s),
            hit=attempt.duration_s >= job.timeout_s,
        )
    ]
    if usage.memory_peak_bytes is not None:
        peak = f"{format_bytes(usage.memory_peak_bytes)} of {format_bytes(limits.memory_bytes)}"
        share = _share(usage.memory_peak_bytes, limits.memory_bytes)
        found.append(Measure("peak memory", peak, share, hit=bool(usage.oom_kills)))
    if usage.cpu_s is not None:
        given_s = limits.cpus * attempt.duration_s
        cpus = "1 cpu" if limits.cpus == 1 else f"{limits.cpus:g} cpus"
        found.append(Measure("cpu time", f"{format_duration(usage.cpu_s)} at {cpus}", _share(usage.cpu_s, given_s)))
    if usage.throttled_s:
        found.append(Measure("throttled", format_duration(usage.throttled_s)))
    if usage.oom_kills:
        found.append(Measure("killed for memory", count(usage.oom_kills, "process", "processes"), hit=True))
    refused = f", {count(usage.pids_refused, 'fork', 'forks')} refused" if usage.pids_refused else ""
    found.append(Measure("processes", f"at most {limits.pids}{refused}", hit=bool(refused)))
    if limits.disk_bytes is not None:
        found.append(Measure("disk", f"at most {format_bytes(limits.disk_bytes)}"))
    found.append(Measure("set-up", format_duration(attempt.setup_s)))
    return tuple(found)


def weaknesses(info: RunInfo) -> tuple[str, ...]:
    """What isolation or quota this host could not give to any container, as sentences; empty normally."""
    found = list(info.warnings)
    if not info.user_namespace and not found:  # an engine without one says why
        found.append("no user namespace: a container's root is the host's root")
    if not info.seccomp:
        found.append("no seccomp: containers may make any system call")
    return tuple(found)


def isolation(info: RunInfo) -> str:
    """What holds a container of this run, in words."""
    parts = ["user namespace" if info.user_namespace else "no user namespace"]
    parts += ["seccomp" if info.seccomp else "no seccomp", f"control groups {info.cgroup}"]
    return ", ".join(parts)


def opted_out(job: Job) -> str:
    """What isolation the matrix file took from ``job``; empty normally."""
    parts = ["privileged"] if job.privileged else []
    parts += [] if job.no_new_privs else ["no-new-privs: false"]
    if job.network is Network.HOST:
        parts.append("network: host")
    if job.cap_add:
        parts.append(f"cap-add: {', '.join(job.cap_add)}")
    return ", ".join(parts)


def count(number: int, one: str, many: str) -> str:
    """``1 job``, ``3 jobs``."""
    return f"{number} {one if number == 1 else many}"


def _share(used: float, limit: float) -> float:
    return min(1.0, used / limit) if limit > 0 else 0.0
