"""What a job has beside its own container: a network that was made for it, and services in there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from farm.container.spec import ContainerSpec
from farm.engine import abi, direct
from farm.engine.environment import service_environment
from farm.engine.failure import step
from farm.engine.network import ALONE, Joined, Networks
from farm.engine.services import Services
from farm.errors import FarmError
from farm.launcher.client import Client
from farm.model.build import Network
from farm.model.job import Job
from farm.model.paths import host_name
from farm.model.ports import Work
from farm.model.service import Service
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``joined`` is the network, ``services`` the further containers in it; None where there are none."""

    joined: Joined = ALONE
    services: Services | None = None

    def verify(self, client: Client) -> None:
        """Raises ``FarmError`` where a container of ``client`` would not find its services."""
        if self.services is not None:
            self.services.verify(client)


NOTHING = Surroundings()


def is_alone(job: Job) -> bool:
    """``job`` has nothing beside its container."""
    return job.network is Network.NONE and not job.services


@contextlib.asynccontextmanager
async def surrounded(
    job: Job,
    services: Services,
    networks: Networks,
    spec: Callable[[Service], ContainerSpec],
    userns_fd: int,
) -> AsyncIterator[Surroundings]:
    """The network of ``job`` and in it its services, healthy, until the block ends. Raises ``StepError``.

    ``spec`` says what a service's container is, but for its network, which is owned by ``userns_fd`` as ``Networks`` has it.
    """
    with step("network"):
        joined = await networks.join(job.network, tuple(each.name for each in job.services), userns_fd)
    try:
        for each in job.services:
            with step(f"service {each.name}"):
                await services.start(each, joined, spec(each))
        yield Surroundings(joined, services if job.services else None)
    finally:
        try:
            await services.stop()
        finally:
            networks.leave(joined)


def service_spec(work: Work, run_id: str, filter_id: int, service: Service) -> ContainerSpec:
    """The container of ``service``, but for its network. Raises ``FarmError`` where ``work`` has no image for it."""
    image = work.service_images.get(service.distro)
    if image is None:
        raise FarmError(f"no image of {service.distro}, which it runs on")
    return ContainerSpec(
        overlays=image.overlays,
        argv=service.argv,
        direct=direct.words(service.argv, service.script),
        environment=service_environment(work, run_id, service),
        hostname=host_name(service.name),
        limits=service.limits,
        filter_id=filter_id,
        personality=abi.personality(image.facts.arch),
    )
