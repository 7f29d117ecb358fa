"""The steps that would make a job's container, told without making it: what ``farm.container.plan`` says of it."""

from __future__ import annotations

import os

from farm.container.plan import Mount as MountStep
from farm.container.plan import MountDisk, Operation, host, plan
from farm.container.spec import ContainerSpec
from farm.kernel import capability
from farm.model.distro import Overlay
from farm.model.job import Job
from farm.model.paths import host_name

_CGROUP2 = "/sys/fs/cgroup/cgroup.controllers"
_LONGEST = 100


def steps(job: Job) -> tuple[str, ...]:
    """One line a step, in order. The layers of the image are named and not looked for: ``job`` may never have run here."""
    image = f"<image of {job.distro}{', prepared' if job.prepare else ''}>"
    spec = ContainerSpec(
        overlays=(Overlay("/", (image,)),),
        argv=job.argv,
        hostname=job.hostname or host_name(f"{job.test}-{job.distro}"),
        working_directory=job.working_directory,
        limits=job.limits,
        capabilities=capability.mask(capability.DEFAULT) | capability.mask(job.cap_add),
        no_new_privs=job.no_new_privs,
        on_disk=job.limits.disk_bytes is not None,
        network=job.network,
    )
    return tuple(_told(step) for step in plan(spec, host(0, cgroup2=os.path.exists(_CGROUP2))))


def _told(step: Operation) -> str:
    if isinstance(step, MountStep) and step.data:
        return f"{step.step}  {step.data[:_LONGEST]}"
    return f"{step.step}  ext4" if isinstance(step, MountDisk) else step.step
