"""What is built in a container of one image to become another one: a distribution from its packages, a prepared image."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from farm.model.distro import Overlay
from farm.model.limits import Limits
from farm.values import dataclass

UPPER = "upper"
"""What a build leaves in ``scratch_dir``: the writable layer of ``overlays[0]`` as ``upper``, of the next as ``upper1``, ..."""


class Network(StrEnum):
    """What a container reaches: its own loopback, what the host's addresses reach but no other container, or all of it."""

    NONE = "none"
    ISOLATED = "isolated"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Bind:
    """The host's file or directory ``source``, an absolute path, at the absolute path ``target`` of a container."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """One command in one container, for the files that it leaves.

    ``name`` says what it is ("bootstrap of debian 12"), for messages, and for the host name where ``hostname`` is empty: what
    a container is called may show in what is made there. ``overlays`` are those of the image
    it runs on. What it writes goes to ``scratch_dir``, an empty folder of the caller's on a disk, with the ids that it has
    inside; see ``UPPER``. ``arch`` is the machine that the image's programs are for, empty where nobody knows.
    """

    name: str
    overlays: tuple[Overlay, ...]
    argv: tuple[str, ...]
    scratch_dir: str
    env: tuple[tuple[str, str], ...] = ()
    network: Network = Network.NONE
    binds: tuple[Bind, ...] = ()
    timeout_s: float = 1800.0
    limits: Limits = field(default_factory=Limits)
    arch: str = ""
    hostname: str = ""
