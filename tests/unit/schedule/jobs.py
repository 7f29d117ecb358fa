"""Jobs for the tests of the scheduler."""

from __future__ import annotations

from farm.model.job import ImageKey, Job, Prepare
from farm.model.limits import Limits
from farm.model.outcome import Outcome
from farm.model.rules import Retries
from farm.schedule import policy
from farm.schedule.events import AttemptEnded, Begin, Command, ImageReady
from farm.schedule.state import Scheduler

MIB = 1 << 20
A, B = ImageKey("a"), ImageKey("b")
TOOLS = Prepare("apk add make", ("sh", "-e"))
PREPARED = ImageKey("a", TOOLS)
KEYS = (A, B, PREPARED, ImageKey("a", Prepare("apk add gcc", ("sh", "-e"))))
WIDE = policy.Budget(100, 100.0, 1000 * MIB, 1000 * MIB, 100)


def make_job(
    name: str,
    key: ImageKey = A,
    cpus: float = 1.0,
    memory_bytes: int = MIB,
    *,
    retries: int | Retries = 0,
    **more: object,
) -> Job:
    """One job of a test of its own, unless ``more`` says which."""
    known: dict[str, object] = {
        "id": name,
        "test": name,
        "distro": key.distro,
        "axes": (),
        "argv": ("sh",),
        "script": "",
        "limits": Limits(cpus=cpus, memory_bytes=memory_bytes),
        "prepare": key.prepare,
        "retries": Retries(retries) if isinstance(retries, int) else retries,
    }
    return Job(**(known | more))  # type: ignore[arg-type]


def begun(jobs: list[Job], budget: policy.Budget = WIDE, **more: object) -> tuple[Scheduler, tuple[Command, ...]]:
    """A scheduler whose run has begun with every image there, and its first commands."""
    scheduler = Scheduler(jobs, budget, **more)  # type: ignore[arg-type]
    commands = scheduler.step(Begin())
    for key in dict.fromkeys(job.image_key for job in jobs):
        commands += scheduler.step(ImageReady(key))
    return scheduler, commands


def passed(job_id: str) -> AttemptEnded:
    return AttemptEnded(job_id, Outcome.PASSED, "", 0)


def failed(job_id: str, code: int = 1) -> AttemptEnded:
    return AttemptEnded(job_id, Outcome.FAILED, f"exit status {code}", code)
