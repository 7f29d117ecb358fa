"""docker with a dockerd of its own: its own socket, folders and containerd, no bridge and no packet filter.

So it leaves the host's dockerd and network alone, and needs no internet: the image is imported from the same tarball.
It has about what the farm has: an overlay with a writable layer (on disk, where the farm's is a tmpfs), quotas, a seccomp
filter, a log; no user namespace, which is off by default.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from bench.peer import ASLEEP, MEMORY_BYTES, PIDS, TRUE, Peer, Place
from bench.spawn import Spawner
from bench.which import required, version
from farm.errors import FarmError

_IMAGE = "farm-bench"
_HOME = "/run/farm-bench-docker"
_PATIENCE_S = 30.0


@contextlib.contextmanager
def found(place: Place, spawner: Spawner) -> Iterator[Peer]:
    """docker as a peer, with its daemon while the block runs. Raises ``FarmError`` where it is not there or does not work."""
    daemon, program = required("dockerd", "docker.io"), required("docker", "docker.io")
    client = (program, "--host", f"unix://{_HOME}/socket", "--config", f"{_HOME}/config")
    setting = ("--network", "none", "--memory", str(MEMORY_BYTES), "--pids-limit", str(PIDS), "--cpus", "1")
    run = (*client, "run", *setting, "--security-opt", "no-new-privileges", "--name", "{}")
    with _daemon(daemon, client, place, spawner):
        spawner.once((*client, "import", place.tarball, _IMAGE))
        yield Peer(
            name="docker",
            version=version(daemon),
            spawner=spawner,
            life=(*run, "--rm", _IMAGE, *TRUE),
            begin=(*run, "--detach", _IMAGE, *ASLEEP),
            end=(*client, "rm", "--force"),
        )


@contextlib.contextmanager
def _daemon(program: str, client: tuple[str, ...], place: Place, spawner: Spawner) -> Iterator[None]:
    os.mkdir(_HOME)
    words = (program, "--host", f"unix://{_HOME}/socket", "--pidfile", f"{_HOME}/pid", "--exec-root", f"{_HOME}/exec")
    words = (*words, "--data-root", f"{place.corner.scratch}/docker", "--config-file", f"{_HOME}/none.json")
    words = (*words, "--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false")
    words = (*words, "--ip-masq=false", "--cgroup-parent", place.corner.cgroup, "--log-level", "error")
    with open(f"{_HOME}/none.json", "w", encoding="ascii") as file:
        file.write("{}")  # not the host's
    pid = spawner.background(words)
    try:
        _wait(pid, client, spawner)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)


def _wait(pid: int, client: tuple[str, ...], spawner: Spawner) -> None:
    """Until the daemon answers. Raises ``FarmError``."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        if os.waitpid(pid, os.WNOHANG)[0]:
            raise FarmError("dockerd ended at once", _last(spawner))
        try:
            spawner.once((*client, "version"))
        except FarmError:
            if time.monotonic() > deadline_s:
                raise FarmError("dockerd does not answer", _last(spawner)) from None
            time.sleep(0.1)
        else:
            spawner.complaint()  # of the tries before
            return


def _last(spawner: Spawner) -> str:
    return spawner.complaint().rpartition("\n")[2]
