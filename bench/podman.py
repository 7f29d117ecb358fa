"""podman with its own storage in the scratch folder, and crun (or else runc) below it.

It has about what the farm has: an overlay with a writable layer (on disk, where the farm's is a tmpfs), quotas, a seccomp
filter, a log; no user namespace, as root's containers have none unless asked.
"""

from __future__ import annotations

import shutil

from bench.peer import ASLEEP, MEMORY_BYTES, PIDS, TRUE, Peer, Place
from bench.spawn import Spawner
from bench.which import required, version
from farm.errors import FarmError

_IMAGE = "farm-bench"


def found(place: Place, spawner: Spawner) -> Peer:
    """podman as a peer, the image imported. Raises ``FarmError`` where it is not there or does not work."""
    program = required("podman")
    runtime = shutil.which("crun") or shutil.which("runc")
    if runtime is None:
        raise FarmError("podman has neither crun nor runc to run anything with")
    podman = (program, "--root", f"{place.corner.scratch}/podman", "--runroot", "/run/farm-bench-podman")
    podman = (*podman, "--tmpdir", "/run/farm-bench-libpod", "--cgroup-manager", "cgroupfs", "--events-backend", "none")
    podman = (*podman, "--runtime", runtime)
    spawner.once((*podman, "import", "--quiet", place.tarball, _IMAGE))
    setting = ("--network", "none", "--cgroup-parent", place.corner.cgroup, "--memory", str(MEMORY_BYTES))
    setting = (*setting, "--pids-limit", str(PIDS), "--cpus", "1", "--security-opt", "no-new-privileges")
    run = (*podman, "run", *setting, "--name", "{}")
    return Peer(
        name="podman",
        version=version(program),
        spawner=spawner,
        life=(*run, "--rm", _IMAGE, *TRUE),
        begin=(*run, "--detach", _IMAGE, *ASLEEP),
        end=(*podman, "rm", "--force", "--time", "0"),
    )
