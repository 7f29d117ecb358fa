"""Whole runs of the farm as a user starts them, in a process of their own: images, jobs, logs, journal, reports."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench import processes
from bench.figures import Run
from bench.peer import ASLEEP, MEMORY_BYTES, PIDS, Place
from bench.spawn import Spawner
from farm import __version__
from farm.journal.queries import read

_MATRIX = """
version: 1
distros: [{{name: alpine, rootfs: {tarball}}}]
defaults: {{timeout: 10m, resources: {{cpus: 1, memory: {memory}, pids: {pids}}}}}
jobs:
  bench:
    shell: {shell}
    run: {command}
    {prepare}
    strategy: {{matrix: {{n: [{numbers}]}}}}
"""
_PREPARE = "prepare: echo made > /root/made"


@dataclass(frozen=True, slots=True)
class Farm:
    """``farm run`` with the home and the reports in the scratch folder; ``spawner`` has the environment for that."""

    name: str
    version: str
    place: Place
    spawner: Spawner
    prepared: bool

    def run(self, count: int, parallel: int = 0) -> Run:
        """One run of ``count`` jobs; as many at once as the farm thinks best where ``parallel`` is 0."""
        words = self._words(count, "/bin/true", parallel)
        began_at, started_s = time.time(), time.perf_counter()
        pid = self.spawner.background(words)
        _, status, usage = os.wait4(pid, 0)
        took_s, ended_at = time.perf_counter() - started_s, time.time()
        self.spawner.check(words, os.waitstatus_to_exitcode(status))
        attempts = [one for job in read(f"{self._reports}/latest/journal.sqlite").jobs for one in job.attempts]
        return Run(
            jobs=count,
            took_s=took_s,
            first_s=min(each.started_at + each.setup_s for each in attempts) - began_at,
            after_s=ended_at - max(each.started_at + each.setup_s + each.duration_s for each in attempts),
            most_bytes=usage.ru_maxrss << 10,
        )

    @contextlib.contextmanager
    def alive(self, count: int, _: int, patience_s: float) -> Iterator[None]:
        """``count`` containers that sleep, all of them while the block runs. Raises ``FarmError``."""
        pid = self.spawner.background(self._words(count, f"exec {' '.join(ASLEEP)}", count))
        try:
            self._until(count, pid, patience_s)
            yield
        finally:
            for _ in range(2):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
                time.sleep(0.1)  # two signals at once would be one
            os.waitpid(pid, 0)
            self._until(0, 0, patience_s)

    @property
    def _reports(self) -> str:
        """Kept until the end: an ext4 without a journal makes new files slowly for a while after others were deleted."""
        return f"{self.place.corner.scratch}/reports"

    def _until(self, wanted: int, pid: int, patience_s: float) -> None:
        processes.until(wanted, ASLEEP, time.monotonic() + patience_s, lambda: bool(pid) and _is_over(pid))

    def _words(self, count: int, command: str, parallel: int) -> tuple[str, ...]:
        path = f"{self.place.corner.scratch}/matrix.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                _MATRIX.format(
                    tarball=self.place.tarball,
                    memory=f"{MEMORY_BYTES >> 20}M",
                    pids=PIDS,
                    shell="/bin/sh -e" if " " in command else "/bin/sh",
                    command=command,
                    prepare=_PREPARE if self.prepared else "",
                    numbers=", ".join(map(str, range(count))),
                )
            )
        at_once = ("-j", str(parallel)) if parallel else ()
        return (sys.executable, "-m", "farm", "run", path, "--reports", self._reports, *at_once)


def found(place: Place, spawner: Spawner) -> tuple[Farm, Farm]:
    """The farm on the image and on one that is prepared, both made here so that no round does."""
    both = tuple(
        Farm(name, __version__, place, spawner, prepared)
        for name, prepared in (("farm run", False), ("farm run, prepared image", True))
    )
    for each in both:
        each.run(1)
    return both[0], both[1]


def _is_over(pid: int) -> bool:
    """The child has ended; it can still be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
