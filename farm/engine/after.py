"""What runs after the command of a job, in its container: ``debug`` where it was bad, then ``always``."""

from __future__ import annotations

from farm.container.spec import ContainerSpec
from farm.engine.course import Script
from farm.engine.verdict import Verdict
from farm.model.job import Job
from farm.model.outcome import Outcome


def scripts(job: Job, spec: ContainerSpec, found: Verdict, descriptors: tuple[int, ...]) -> tuple[Script, ...]:
    """The scripts of ``job`` after a command that ran and came to ``found``, in order; none where it was cancelled.

    They run as the command did, and are told of it in ``FARM_OUTCOME``.
    """
    if found.outcome is Outcome.CANCELLED:
        return ()
    wanted = []
    if job.debug and found.outcome.bad:
        wanted.append((f"debug, for the command is {found.outcome.value}: {found.reason}", job.debug))
    if job.always:
        wanted.append(("always", job.always))
    environment = {**dict(spec.environment), "FARM_OUTCOME": found.outcome.value}
    return tuple(
        Script(
            title,
            (*job.shell, "-c", text),
            environment,
            descriptors,
            spec.working_directory,
            spec.identity,
        )
        for title, text in wanted
    )
