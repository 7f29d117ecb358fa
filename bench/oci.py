"""crun and runc: one process a container, on a bundle whose config.json asks for what they have of the farm's setting.

That is the namespaces of ``crun spec`` (with one for the network, and none for users), the same capabilities, no new
privileges, the same masked paths, and quotas for memory, processes and processors. The root is read-only where the farm has a
writable layer; there is no seccomp filter, no log, no report.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from bench.peer import ASLEEP, MEMORY_BYTES, PIDS, TRUE, Peer, Place
from bench.spawn import Spawner
from bench.which import required, version
from farm.errors import FarmError
from farm.kernel import capability

Config = dict[str, Any]
_PERIOD_US = 100_000


def found(runtime: str, place: Place, spawner: Spawner) -> Peer:
    """``runtime`` as a peer. Raises ``FarmError`` where it is not there or does not work."""
    program = required(runtime)
    folder = f"{place.corner.scratch}/{runtime}"
    state = ("--root", f"{folder}/state")
    os.mkdir(folder)
    for name, argv in (("life", TRUE), ("asleep", ASLEEP)):
        os.mkdir(f"{folder}/{name}")
        done = subprocess.run([program, "spec"], cwd=f"{folder}/{name}", capture_output=True, text=True, check=False)
        if done.returncode:
            raise FarmError(f"{runtime} spec ended with {done.returncode}", done.stderr.strip().rpartition("\n")[2])
        _write_config(f"{folder}/{name}/config.json", argv, place)
    return Peer(
        name=runtime,
        version=version(program),
        spawner=spawner,
        life=(program, *state, "run", "--bundle", f"{folder}/life", "{}"),
        begin=(program, *state, "run", "--detach", "--bundle", f"{folder}/asleep", "{}"),
        end=("sh", "-c", f'for each; do {program} --root {folder}/state delete --force "$each"; done', "sh"),
    )


def _write_config(path: str, argv: tuple[str, ...], place: Place) -> None:
    with open(path, encoding="utf-8") as file:
        plain = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config(plain, argv, place.rootfs), file)


def config(plain: Config, argv: tuple[str, ...], rootfs: str) -> Config:
    """``plain``, as ``crun spec`` writes it, for ``argv`` on ``rootfs`` with the farm's quotas and capabilities."""
    kept = sorted(f"CAP_{name}" for name in capability.DEFAULT)
    process = plain["process"] | {
        "args": list(argv),
        "terminal": False,
        "noNewPrivileges": True,
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), kept),
    }
    quotas = {
        "devices": [{"allow": False, "access": "rwm"}],
        "memory": {"limit": MEMORY_BYTES},
        "pids": {"limit": PIDS},
        "cpu": {"quota": _PERIOD_US, "period": _PERIOD_US},
    }
    linux = {key: value for key, value in plain["linux"].items() if key != "cgroupsPath"}  # a group of its own name
    return plain | {
        "process": process,
        "root": {"path": rootfs, "readonly": True},
        "linux": linux | {"resources": quotas},
    }
