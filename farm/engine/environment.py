"""The variables that a job's command has, and what its host is called."""

from __future__ import annotations

from farm.engine.user import Identity
from farm.model.job import Job
from farm.model.paths import host_name
from farm.model.ports import Work
from farm.model.service import Service

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(work: Work, run_id: str, user: Identity, secrets: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Of ``work``: what the farm gives, what the matrix file says, its secrets, and what nobody may change."""
    job = work.job
    given = {"PATH": _PATH, "HOME": user.home, "TERM": "dumb", "CI": "true", **dict(job.env), **secrets}
    own = {
        "FARM_RUN": run_id,
        "FARM_JOB": job.id,
        "FARM_ATTEMPT": str(work.number),
        "FARM_DISTRO": job.distro,
        "PWD": job.working_directory,
    }
    if job.shard is not None:
        own |= {"FARM_SHARD_INDEX": str(job.shard.index), "FARM_SHARD_TOTAL": str(job.shard.total)}
    return tuple({**given, **own}.items())


def service_environment(work: Work, run_id: str, service: Service) -> tuple[tuple[str, str], ...]:
    """Of a ``service`` of ``work``: what the farm gives, what the matrix file says, and what nobody may change."""
    given = {"PATH": _PATH, "HOME": "/root", "TERM": "dumb", "CI": "true", **dict(service.env)}
    own = {
        "FARM_RUN": run_id,
        "FARM_JOB": work.job.id,
        "FARM_ATTEMPT": str(work.number),
        "FARM_DISTRO": service.distro,
        "FARM_SERVICE": service.name,
        "PWD": "/",
    }
    return tuple({**given, **own}.items())


def hostname(job: Job) -> str:
    """A host name (RFC 1123, at most 63 characters) that says which distro and test this is."""
    return host_name(f"{job.test}-{job.distro}")
