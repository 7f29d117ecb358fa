"""A further container for one job, in its network: a database, a web server."""

from __future__ import annotations

from dataclasses import field

from farm.model.limits import Limits
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """``argv`` is run in the service's container every ``interval_s`` until it exits with 0, at most ``retries`` times."""

    argv: tuple[str, ...]
    interval_s: float = 1.0
    retries: int = 30
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Service:
    """One of a job's ``services``: it is started before the job, healthy before its command starts, and gone with it.

    ``distro`` names the image it runs on. ``env`` is sorted by name. Without a ``healthcheck`` it is healthy once its
    command has started.
    """

    name: str
    distro: str
    argv: tuple[str, ...]
    script: str
    env: tuple[tuple[str, str], ...] = ()
    healthcheck: Healthcheck | None = None
    limits: Limits = field(default_factory=Limits)
