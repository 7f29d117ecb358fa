"""The farm's side: whole runs as a user starts them, in a process of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from farm.app.host import id_map
from farm.errors import FarmError
from farm.image.resolve import resolve
from farm.image.store import Store
from farm.model.distro import Source, SourceKind

_MATRIX = """
version: 1
distros: [{{name: alpine, rootfs: {rootfs}}}]
defaults: {{timeout: 10m, resources: {{memory: 64M}}}}
jobs:
  bench:
    shell: {shell}
    run: {command}
    {prepare}
    strategy: {{matrix: {{n: [{numbers}]}}}}
"""
_PREPARE = "prepare: echo made > /root/made"
_PATIENCE_S = 120.0
_ASLEEP_S = 86413  # a number that no other sleep of this host has


@dataclass(frozen=True, slots=True)
class Setting:
    """Where things are kept, the image's tarball, and how many containers a round has."""

    scratch: str
    rootfs: str
    jobs: int


@dataclass(frozen=True, slots=True)
class Alive:
    """Seconds until all of ``count`` slept, MiB of the host's memory for each, seconds until all were gone again."""

    count: int
    started_s: float
    mib_each: float
    ended_s: float


def imported(setting: Setting) -> str:
    """Import the image and prepare another one of it, so that no round does; the folder the first is unpacked in."""
    image = resolve(Source(SourceKind.TARBALL, setting.rootfs), Store(f"{setting.scratch}/home"), id_map())
    _run(setting, _matrix(setting, 1, "/bin/true", _PREPARE))
    return image.overlays[0].lowers[0]


def run_jobs(setting: Setting, *, is_prepared: bool = False) -> float:
    """Seconds of one ``farm run``, from the start of its process to the end: images, jobs, logs, journal, reports."""
    matrix = _matrix(setting, setting.jobs, "/bin/true", _PREPARE if is_prepared else "")
    started_s = time.monotonic()
    _run(setting, matrix)
    return time.monotonic() - started_s


def alive(setting: Setting, count: int) -> Alive:
    """``count`` containers that sleep, and their end."""
    matrix = _matrix(setting, count, f"exec sleep {_ASLEEP_S}")
    before = psutil.virtual_memory().available
    started_s = time.monotonic()
    command = [*_command(setting, matrix), "-j", str(count)]
    with subprocess.Popen(command, env=_environment(setting), stdout=subprocess.DEVNULL) as run:
        try:
            _wait(lambda: len(_sleepers()) == count, run)
            up_s = time.monotonic()
            each = (before - psutil.virtual_memory().available) / count
            for _ in range(2):
                run.send_signal(signal.SIGINT)
                time.sleep(0.1)  # two signals at once would be one
            stopped_s = time.monotonic()
            run.wait(_PATIENCE_S)
            _wait(lambda: not _sleepers(), None)
        finally:
            run.kill()
    return Alive(count, up_s - started_s, each / (1 << 20), time.monotonic() - stopped_s)


def _run(setting: Setting, matrix: str) -> None:
    done = subprocess.run(_command(setting, matrix), env=_environment(setting), stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise FarmError(f"farm run ended with {done.returncode}")


def _matrix(setting: Setting, count: int, command: str, prepare: str = "") -> str:
    path = f"{setting.scratch}/matrix.yaml"
    shell = "/bin/sh -e" if " " in command else "/bin/sh"
    numbers = ", ".join(map(str, range(count)))
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            _MATRIX.format(rootfs=setting.rootfs, shell=shell, command=command, prepare=prepare, numbers=numbers)
        )
    return path


def _command(setting: Setting, matrix: str) -> list[str]:
    reports = f"{setting.scratch}/reports"
    return [sys.executable, "-m", "farm", "run", matrix, "--reports", reports]


def _environment(setting: Setting) -> dict[str, str]:
    return {**os.environ, "FARM_HOME": f"{setting.scratch}/home"}


def _sleepers() -> list[int]:
    wanted = ["sleep", str(_ASLEEP_S)]
    return [each.pid for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == wanted]


def _wait(condition: Callable[[], bool], run: subprocess.Popen[bytes] | None) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > until_s:
            raise FarmError("the containers did not get there in time")
        if run is not None and run.poll() is not None:
            raise FarmError(f"farm run ended with {run.returncode}")
        time.sleep(0.02)
