"""The floor: the system calls of the farm's containers from tight loops, with no farm around them.

What a life does is what the farm makes of the same job, ``farm.container.program``: the same namespaces, mounts, files,
pivot_root, user namespace, capabilities and filter. What is left out is everything else: the orchestrator, its messages to
the zygote and from PID 1, the scheduler, the log's pipe and file, the journal, the reports. ``parallel`` loops share the work.

Control groups are entered and their counters read as the farm does, which uses groups again; ``fresh`` makes and removes
them, without quotas, for each life instead.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from bench.peer import MEMORY_BYTES, PIDS, TRUE, Place
from farm.app.host import id_map
from farm.cgroup import detect
from farm.cgroup.base import Group
from farm.container import plan, program, words
from farm.container.spec import ContainerSpec
from farm.errors import FarmError
from farm.kernel import capability, proc
from farm.launcher.filter import compile_filter
from farm.launcher.ground import view
from farm.model.distro import Overlay
from farm.model.limits import Limits

_COUNTERS = (
    "cpu.stat",
    "cpuacct.usage",
    "memory.events",
    "memory.max_usage_in_bytes",
    "memory.oom_control",
    "memory.peak",
    "pids.events",
)
_LIMITS = Limits(cpus=1.0, memory_bytes=MEMORY_BYTES, pids=PIDS)


@dataclass(frozen=True, slots=True)
class _Loop:
    """One process and the order that it gets, but for the count."""

    process: subprocess.Popen[bytes]
    order: tuple[object, ...]

    def ask(self, count: int) -> None:
        marshal.dump((count, *self.order), self.said_to)
        self.said_to.flush()

    def answer(self) -> list[float]:
        line = self.heard.readline()
        if not line:
            raise FarmError("the floor's process ended", f"with {self.process.wait()}")
        return [float(word) for word in line.split()]

    @property
    def said_to(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def heard(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout


@dataclass(frozen=True, slots=True)
class Floor:
    """``name`` says which of its variants."""

    name: str
    version: str
    loops: tuple[_Loop, ...]

    def alone(self, count: int) -> list[float]:
        """Seconds of each of ``count`` lives, one after another."""
        self.loops[0].ask(count)
        return self.loops[0].answer()

    def many(self, count: int, parallel: int) -> float:
        """Seconds of ``count`` lives, in ``parallel`` loops; there have to be as many."""
        used = self.loops[:parallel]
        shares = [count // len(used) + (number < count % len(used)) for number in range(len(used))]
        started_s = time.perf_counter()
        for loop, share in zip(used, shares, strict=True):
            loop.ask(share)
        for loop in used:
            loop.answer()
        return time.perf_counter() - started_s


@contextmanager
def found(place: Place, loops: int) -> Iterator[tuple[Floor, ...]]:
    """The floor, and its variants, while the block runs; with ``loops`` processes each."""
    with ExitStack() as stack:
        manager = detect.open_hierarchies(f"{detect.FOLDER}{place.corner.cgroup}")
        stack.callback(manager.close)
        base = id_map()
        bpf = compile_filter(capability.mask(capability.DEFAULT))
        binds = tuple(each.mount_point for each in proc.mounts() if each.fstype in ("cgroup", "cgroup2"))
        ready = ((((place.rootfs, False),), (base.base, base.count), binds, bpf), base.base, manager.mode == "v2")
        yield tuple(
            Floor(name, "", tuple(_loop(stack, ready, manager.acquire(_LIMITS), fresh, init) for _ in range(loops)))
            for name, fresh, init in (
                ("floor", False, True),
                ("floor without init", False, False),
                ("floor, new groups", True, True),
            )
        )


def _loop(
    stack: ExitStack, ready: tuple[tuple[object, ...], int, bool], group: Group, fresh: bool, init: bool
) -> _Loop:
    message, base, is_v2 = ready
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = f"import sys; sys.path.insert(0, {folder!r}); from bench.floor_loop import main; main()"
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"LD_BIND_NOW": "1"},
            cwd="/",
        )
    )
    stack.callback(process.kill)
    loop = _Loop(process, ())
    marshal.dump(message, loop.said_to)
    loop.said_to.flush()
    reason, address = loop.heard.readline().decode().rstrip().split("\0")
    return _Loop(process, _order(group, 0 if reason else base, is_v2, int(address), fresh=fresh, init=init))


def _order(group: Group, base: int, is_v2: bool, address: int, *, fresh: bool, init: bool) -> tuple[object, ...]:
    spec = ContainerSpec((Overlay("/", (view(0),)),), TRUE, hostname="floor", limits=_LIMITS, filter_id=1)
    host = plan.host(base, ((view(0), view(0)),), cgroup2=is_v2)
    data, calls, parts = words.joined(program.program(spec, host, group), address)
    into = os.readlink(f"/proc/self/fd/{group.v2_fd}") if group.v2_fd >= 0 else ""
    groups = [source for source, _ in group.view_sources() if source.startswith("/")] + ([into] if into else [])
    counters = [f"{path}/{name}" for path in groups for name in _COUNTERS if os.path.exists(f"{path}/{name}")]
    if fresh:
        for path in groups:
            os.rmdir(path)
    return data, (calls, parts), tuple(groups) if fresh else (), tuple(counters), into, init
