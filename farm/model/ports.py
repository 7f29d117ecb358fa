"""What upper floors ask of lower ones, and neighbours of each other, as Protocols; ``app`` fills them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Protocol

from farm.model.build import Build
from farm.model.distro import Image
from farm.model.job import Attempt, Job
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the engine found on its host, for the report and the doctor.

    ``cgroup`` is ``v1``, ``v2`` or ``hybrid``; ``user_namespace`` says that a container's root is an unprivileged user of
    the host; ``warnings`` are sentences, one for each kind of isolation or quota that is weaker than designed.
    """

    cgroup: str
    user_namespace: bool
    seccomp: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt to make: the job, the image its distro resolved to, and the attempt's number from 1.

    ``service_images`` are those of the job's services, by the names of their distros.
    """

    job: Job
    image: Image
    number: int
    service_images: Mapping[str, Image] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A running attempt at one moment: the memory that its container takes, None where nobody can say; its log's last line.

    The line is as it was printed, of a long one the end; empty where there is none.
    """

    memory_bytes: int | None = None
    last_line: str = ""


class Engine(Protocol):
    """Where attempts run."""

    async def start(self) -> EngineInfo:
        """Make the engine ready; raises ``FarmError`` where the host cannot run containers."""
        ...

    async def run(self, work: Work) -> Attempt:
        """Run one attempt to its end. Never raises for what happens to the attempt: that is its outcome."""
        ...

    def cancel(self, job_id: str) -> None:
        """Kill the running attempt of ``job_id``, which then ends as ``cancelled``; nothing happens if there is none."""
        ...

    def look(self, job_id: str) -> Glimpse | None:
        """How the running attempt of ``job_id`` is doing; None if there is none. Costs two small reads."""
        ...

    async def close(self) -> None:
        """Kill what still runs and leave nothing behind. May be called twice."""
        ...


class Builder(Protocol):
    """Who runs the commands that make images; for threads."""

    def build(self, build: Build, log_path: str, watch: Callable[[], None]) -> str:
        """Run ``build`` to its end; empty where its command exited with 0, else the sentence that says why not.

        Its output goes to the new file ``log_path``. ``watch`` is called on this thread several times a second; what it raises
        ends the build and is raised. ``FarmError`` where there is no container to be had.
        """
        ...
