"""What a job has beside its own container: a network that was made for it, and services in there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from farm.container.spec import ContainerSpec
from farm.engine.failure import step
from farm.engine.network import ALONE, Joined, Networks
from farm.engine.services import Services
from farm.errors import FarmError
from farm.launcher.client import Client
from farm.model.build import Network
from farm.model.job import Job
from farm.model.service import Service


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``joined`` is the network, ``services`` are the containers of ``client`` that share it; None where there are none."""

    joined: Joined = ALONE
    client: Client | None = None
    services: Services | None = None

    def verify(self, client: Client) -> None:
        """Raises ``FarmError`` where a container of ``client`` would not find its services."""
        if self.services is None:
            return
        self.services.verify()
        if client is not self.client:
            raise FarmError("the services were lost", "the process that makes containers ended, and they with it")


NOTHING = Surroundings()


def is_alone(job: Job) -> bool:
    """``job`` has nothing beside its container."""
    return job.network is Network.NONE and not job.services


@contextlib.asynccontextmanager
async def surrounded(
    job: Job,
    client: Client,
    networks: Networks,
    services: Callable[[Client, Joined], Services],
    spec: Callable[[Service], ContainerSpec],
    capabilities: int,
) -> AsyncIterator[Surroundings]:
    """The network of ``job`` and in it its services, healthy, until the block ends. Raises ``StepError``.

    ``services`` makes who keeps them, ``spec`` says what a service's container is; ``capabilities`` are those of the job's own.
    """
    with step("network"):
        names = tuple(each.name for each in job.services)
        joined = await networks.join(job.network, names, client.userns_fd(capabilities))
    try:
        keeper = services(client, joined) if job.services else None
        try:
            for each in job.services:
                with step(f"service {each.name}"):
                    assert keeper is not None
                    await keeper.start(each, spec(each))
            yield Surroundings(joined, client, keeper)
        finally:
            if keeper is not None:
                await keeper.stop()
    finally:
        networks.leave(joined)
