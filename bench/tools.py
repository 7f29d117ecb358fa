"""Which tools there are: each set up, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from bench import api, bubblewrap, docker, farm, floor, nspawn, oci, podman
from bench.peer import Peer, Place
from bench.spawn import Spawner
from farm.errors import FarmError

FLOOR, API, FARM, PREPARED = "floor", "farm's API", "farm run", "farm run, prepared image"
FAILURES = (FarmError, OSError, ValueError)
"""How a tool that does not work shows: its commands end badly, do not start, or write what nobody can read."""
PEERS = ("bubblewrap", "crun", "runc", "systemd-nspawn", "podman", "docker")


class Tool(Protocol):
    """What runs /bin/true in containers."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def alone(self, count: int) -> list[float]:
        """Seconds of each of ``count`` lives, one after another. Raises ``FarmError`` where one failed."""
        ...

    def many(self, count: int, parallel: int) -> float:
        """Seconds of ``count`` lives, ``parallel`` at a time. Raises ``FarmError`` where one failed."""
        ...


@dataclass(slots=True)
class Tools:
    """``tools`` have lives one by one; ``farms`` are whole runs. ``absent`` says of peers why they are not there."""

    tools: list[Tool] = field(default_factory=list)
    farms: tuple[farm.Farm, ...] = ()
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def peers(self) -> list[Peer]:
        return [each for each in self.tools if isinstance(each, Peer)]


@contextmanager
def opened(place: Place, spawner: Spawner, names: tuple[str, ...], loops: int) -> Iterator[Tools]:
    """The farm, the floor in ``loops`` processes and those peers of ``names`` that are there, while the block runs."""
    openers: dict[str, Callable[[], AbstractContextManager[Peer]]] = {
        "bubblewrap": lambda: nullcontext(bubblewrap.found(place, spawner)),
        "crun": lambda: nullcontext(oci.found("crun", place, spawner)),
        "runc": lambda: nullcontext(oci.found("runc", place, spawner)),
        "systemd-nspawn": lambda: nullcontext(nspawn.found(place, spawner)),
        "podman": lambda: nullcontext(podman.found(place, spawner)),
        "docker": lambda: docker.found(place, spawner),
    }
    with ExitStack() as stack:
        found = Tools()
        found.tools += stack.enter_context(floor.found(place, loops))
        found.tools.append(stack.enter_context(api.found(place)))
        found.farms = farm.found(place, spawner)
        for name in names:
            try:
                peer = stack.enter_context(openers[name]())
                peer.alone(1)
                found.tools.append(peer)
            except FAILURES as error:
                found.absent[name] = why(error)
        yield found


def why(error: Exception) -> str:
    """The reason in one line."""
    if isinstance(error, FarmError):
        return ": ".join(part for part in (error.brief, error.detail) if part)
    return str(error)
