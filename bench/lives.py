"""The farm beside what one would use instead, on the same root filesystem and command: everything of one measurement."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import crowds, rounds, starts, tools
from bench.corner import Corner
from bench.figures import Lives
from bench.peer import Place
from bench.spawn import Spawner
from farm.app.host import id_map
from farm.image.resolve import resolve
from farm.image.store import Store
from farm.model.distro import Source, SourceKind

_DESCRIPTORS_EACH = 16
_FURTHER = 2  # rounds of what takes little


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured, and how often: see the options of the same names."""

    tarball: str
    peers: tuple[str, ...]
    jobs: Sequence[int]
    rounds: int
    lives: int
    seconds: float
    parallel: Sequence[int]
    alive: Sequence[int]
    patience_s: float


def nothing_yet(setting: Setting) -> Lives:
    """What ``measure`` fills in."""
    return Lives(setting.jobs[0], _host(), [os.getloadavg()[0]])


def measure(lives: Lives, setting: Setting, corner: Corner, tell: Callable[[str], object]) -> None:
    """All of it. The image is imported once, and its folder is what the peers run on that take one."""
    _allow_descriptors(max(setting.alive, default=0))
    home = f"{corner.scratch}/home"
    spawner = Spawner(f"{corner.scratch}/errors", f"{corner.cgroup[1:]}-", {**os.environ, "FARM_HOME": home})
    tell("the image")
    image = resolve(Source(SourceKind.TARBALL, setting.tarball), Store(home), id_map())
    place = Place(corner, setting.tarball, image.overlays[0].lowers[0])
    with tools.opened(place, spawner, setting.peers, max(setting.parallel)) as found:
        lives.absent |= found.absent
        lives.versions |= {each.name: each.version for each in found.tools}
        lives.versions |= {each.name: each.version for each in found.farms}
        starts.measure(lives, found.farms[0], setting.rounds + _FURTHER, spawner)
        rounds.latency(lives, found, setting.rounds, setting.lives, tell)
        rounds.throughput(lives, found, setting.rounds, setting.parallel, lives.jobs, setting.seconds, tell)
        for jobs in setting.jobs[1:]:
            tell(f"farm run of {jobs} jobs")
            lives.runs.append(found.farms[0].run(jobs, lives.throughput[tools.FARM].parallel))
        crowds.measure(lives, found, setting.alive, setting.patience_s, spawner, tell)
    lives.load.append(os.getloadavg()[0])


def _allow_descriptors(count: int) -> None:
    """Let what is started from here on have as many open files as ``count`` containers of the farm take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # then it says itself that it cannot have so many
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, _DESCRIPTORS_EACH * count)))


def _host() -> str:
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    python = platform.python_version()
    return f"{os.cpu_count()} processors, {gib:.0f} GiB, Linux {platform.release()}, Python {python}"
