"""What client and zygote say to each other: JSON objects over a ``SOCK_SEQPACKET`` socket, one a message.

=========  ================================================================  ==================================
to zygote  fields                                                            descriptors
=========  ================================================================  ==================================
configure  run, views [directory], id_map {base, count} or null              -
filter     id, bpf (base64)                                                  -
launch     id, spec                                                          [0, 1, 2] + [disk] where on_disk
spawn      id, number, argv, environment, directory, terminal                0 or 3
signal     id, number, signal                                                -
kill       id                                                                -
freeze     id, frozen                                                        -
release    id                                                                -
=========  ================================================================  ==================================

=========  ================================================================  ==================================
to client  fields                                                            descriptors
=========  ================================================================  ==================================
ready      cgroup, user_namespace, warnings [sentence]                       -
unready    step, errno, message, hint                                        -
started    id, number, at                                                    terminal's other end, or none
exited     id, number, status, at                                            -
ended      id, status or null, usage, failure or null, at                    -
=========  ================================================================  ==================================

``at`` is CLOCK_MONOTONIC in seconds, the same clock in every process. ``status`` is as waitpid(2) gives it. Number 0 is
the container's main command. ``ended`` is the last word on a container: every process of it is gone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any  # JSON: what a message holds is checked where it is used

from farm.container.spec import ContainerSpec
from farm.model.distro import Overlay
from farm.model.limits import Limits

MESSAGE_BYTES = 1 << 20
MOST_DESCRIPTORS = 4

Message = dict[str, Any]


def encode(op: str, fields: Mapping[str, object]) -> bytes:
    """One message as it goes over the socket."""
    return json.dumps({**fields, "op": op}, separators=(",", ":")).encode()


def decode(data: bytes) -> Message:
    """The message in ``data``. Both ends are ours: what is not a JSON object is a bug, and raises ``ValueError``."""
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ValueError(f"not a message: {data[:80]!r}")
    return message


def spec_to_wire(spec: ContainerSpec) -> Message:
    """``spec`` as JSON values."""
    return dataclasses.asdict(spec)


def spec_from_wire(wire: Message) -> ContainerSpec:
    """The ``ContainerSpec`` that ``spec_to_wire`` was given."""
    overlays = tuple(Overlay(each["target"], tuple(each["lowers"])) for each in wire["overlays"])
    return ContainerSpec(
        **{
            **wire,
            "overlays": overlays,
            "argv": tuple(wire["argv"]),
            "environment": tuple((name, value) for name, value in wire["environment"]),
            "limits": Limits(**wire["limits"]),
        }
    )
