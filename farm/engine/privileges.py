"""What a job may do beyond the others, and what it may not opt out of."""

from __future__ import annotations

import functools

from farm.engine.course import is_held
from farm.errors import FarmError
from farm.kernel import capability
from farm.model.job import Job


def capabilities(job: Job) -> int:
    """What the container of ``job`` may have, as bits."""
    return _mask(capability.NAMES if job.privileged else job.cap_add)


@functools.lru_cache(maxsize=64)
def _mask(added: tuple[str, ...]) -> int:
    """Most jobs of a run ask for the same."""
    return capability.mask(capability.DEFAULT) | capability.mask(added)


def check_opt_outs(job: Job, *, user_namespace: bool) -> None:
    """Raises ``FarmError`` where what ``job`` opts out of is all that would hold it, or is needed."""
    if not job.init and is_held(job):
        raise FarmError(
            f"{'always' if job.always else 'debug'} cannot be with init: none",
            "it would run when process 1 has ended, and nothing can begin in a container without one",
            "take one of the two away",
        )
    asked = "privileged" if job.privileged else f"cap-add: {', '.join(job.cap_add)}" if job.cap_add else ""
    if asked and not user_namespace:
        raise FarmError(
            f"{asked} would hold on the host itself",
            "this host gives containers no user namespace",
            f"take {asked.partition(':')[0]} away, or see what farm doctor says of user namespaces",
        )
