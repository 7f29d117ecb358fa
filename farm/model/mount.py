"""A file or folder of the host in a job's container."""

from __future__ import annotations

from enum import StrEnum

from farm.values import dataclass


class MountMode(StrEnum):
    """What becomes of writes: refused, made on the host, or thrown away with the container."""

    RO = "ro"
    RW = "rw"
    OVERLAY = "overlay"


@dataclass(frozen=True, slots=True)
class Mount:
    """The host's file or folder ``source``, an absolute path, at the absolute path ``target`` of a container."""

    source: str
    target: str
    mode: MountMode = MountMode.RO
