"""Jobs that others need: what comes along with a selection, what can never be met, what an outcome means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from farm.model.job import Job
from farm.model.outcome import Outcome

_MET = frozenset({Outcome.PASSED, Outcome.FLAKY, Outcome.XFAILED})
_WORDS = {
    Outcome.SKIPPED: "was skipped",
    Outcome.CANCELLED: "was cancelled",
    Outcome.TIMEOUT: "ran into its timeout",
    Outcome.OOM: "ran out of memory",
    Outcome.ERROR: "could not run",
    Outcome.XPASSED: "passed unexpectedly",
}


def met(outcome: Outcome) -> bool:
    """Whether a job that ended so is good enough for those that need it; a skipped one is not, as in GitHub and GitLab."""
    return outcome in _MET


def unmet(job_id: str, outcome: Outcome) -> str:
    """Why a job is skipped that needs ``job_id``."""
    return f"needs {job_id}, which {_WORDS.get(outcome, 'failed')}"


def closure(selected: Iterable[Job], jobs: Iterable[Job]) -> tuple[Job, ...]:
    """``selected`` and all that they need, directly or not, in the order of ``jobs``; needs that are no job are left out."""
    known = {job.id: job for job in jobs}
    found: set[str] = set()
    todo = [job.id for job in selected]
    while todo:
        job = known.get(todo.pop())
        if job is not None and job.id not in found:
            found.add(job.id)
            todo.extend(job.needs)
    return tuple(job for job in known.values() if job.id in found)


def dependents(jobs: Sequence[Job], indices: Mapping[str, int]) -> dict[int, list[int]]:
    """For each job that is needed, by index, those that need it."""
    found: dict[int, list[int]] = {}
    for index, job in enumerate(jobs):
        for need in dict.fromkeys(job.needs):
            if need in indices:
                found.setdefault(indices[need], []).append(index)
    return found


def topological(jobs: Sequence[Job], indices: Mapping[str, int], needing: Mapping[int, list[int]]) -> list[int]:
    """Indices of ``jobs``, what is needed before what needs it; those in circles, and what needs these, are left out."""
    left = [sum(need in indices for need in dict.fromkeys(job.needs)) for job in jobs]
    order = [index for index, count in enumerate(left) if count == 0]
    for index in order:  # it grows while we go
        for each in needing.get(index, ()):
            left[each] -= 1
            if left[each] == 0:
                order.append(each)
    return order
