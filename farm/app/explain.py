"""The steps that would make a job's container, told without making it: what ``farm.container.plan`` says of it."""

from __future__ import annotations

import os

from farm.container.operations import AttachMount, MountDisk, Operation
from farm.container.operations import Mount as MountStep
from farm.container.plan import host, plan
from farm.container.spec import ContainerSpec, MountPoint
from farm.engine.environment import hostname
from farm.kernel import capability
from farm.model.distro import Overlay
from farm.model.job import Job
from farm.model.mount import Mount

_CGROUP2 = "/sys/fs/cgroup/cgroup.controllers"
_LONGEST = 100


def steps(job: Job) -> tuple[str, ...]:
    """One line a step, in order. The layers of the image are named and not looked for: ``job`` may never have run here."""
    image = f"<image of {job.distro}{', prepared' if job.prepare else ''}>"
    added = capability.NAMES if job.privileged else job.cap_add
    spec = ContainerSpec(
        overlays=(Overlay("/", (image,)),),
        argv=job.argv,
        hostname=job.hostname or hostname(job),
        working_directory=job.working_directory,
        limits=job.limits,
        capabilities=capability.mask(capability.DEFAULT) | capability.mask(added),
        no_new_privs=job.no_new_privs and not job.privileged,
        bare=job.privileged,
        on_disk=job.limits.disk_bytes is not None,
        network=job.network,
        mounts=tuple(map(_point, job.mounts)),
        init=job.init,
    )
    return tuple(_told(step) for step in plan(spec, host(0, ((image, image),), cgroup2=os.path.exists(_CGROUP2))))


def _point(mount: Mount) -> MountPoint:
    return MountPoint(mount.source, mount.target, mount.mode, is_directory=not os.path.isfile(mount.source))


def _told(step: Operation) -> str:
    if isinstance(step, MountStep) and step.data:
        return f"{step.step}  {step.data[:_LONGEST]}"
    if isinstance(step, AttachMount):
        return f"{step.step}  {step.point.mode.value}"
    return f"{step.step}  ext4" if isinstance(step, MountDisk) else step.step
