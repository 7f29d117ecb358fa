"""The composition root: a matrix file becomes a run, a run becomes a report.

What a run leaves, below the folder of reports::

    <run-id>/journal.sqlite         written while the run goes on; everything else is made from it
    <run-id>/logs/<job>/<n>.log     written by the engine
    <run-id>/...                    what farm.report.write makes
    latest -> <run-id>              moved in one step, after the report is there
"""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import psutil

from farm import __version__
from farm.engine.local import LocalEngine
from farm.errors import FarmError, UsageError
from farm.image.resolve import resolve
from farm.image.store import Store
from farm.journal import queries
from farm.journal.writer import JournalWriter
from farm.kernel import subids
from farm.kernel.userns import IdMap
from farm.matrix.document import Matrix
from farm.matrix.expand import expand
from farm.matrix.load import load
from farm.matrix.select import select
from farm.model.distro import Distro, Image, SourceKind
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.ports import EngineInfo
from farm.model.run import RunInfo, RunRecord
from farm.report.summary import Status, status
from farm.report.write import write_all
from farm.schedule import policy
from farm.schedule.driver import Driver
from farm.schedule.state import Scheduler

NOTHING_SELECTED = Status.EMPTY.exit_code
_UNPACKERS = 4


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for. ``slots`` is ``-j``; ``home`` the farm's folder, ``reports`` that of reports."""

    matrix: str
    home: str
    reports: str
    keyword: str | None = None
    distros: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    slots: int | None = None
    catalogue: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: the exit code of the table in docs, and the folder of its report (empty: nothing ran)."""

    exit_code: int
    run_dir: str = ""


class Ui(Protocol):
    """Who is told of a run; those of ``farm.report`` are such."""

    def begin(self, total: int, info: RunInfo, /) -> None: ...

    def started(self, job: Job, /) -> None: ...

    def finished(self, job: Job, outcome: Outcome, attempt: Attempt | None, /) -> None: ...

    def note(self, text: str, /) -> None: ...

    def end(self, record: RunRecord, run_dir: str, /) -> None: ...


def plan(options: RunOptions) -> tuple[Matrix, tuple[Job, ...]]:
    """The matrix and the selected jobs. Raises ``UsageError`` for a wrong file or selection."""
    matrix = load(options.matrix, options.catalogue)
    return matrix, select(expand(matrix), options.keyword, options.distros, options.tags)


def run(options: RunOptions, ui: Ui) -> RunOutcome:
    """Run what ``options`` select and write the report. Raises ``FarmError`` where the run cannot begin.

    SIGINT drains, a second one kills; SIGTERM and SIGHUP kill at once. The report is written in each case.
    """
    require_root()
    matrix, jobs = plan(options)
    if not jobs:
        return RunOutcome(NOTHING_SELECTED)
    return asyncio.run(_Run(options, matrix, jobs, ui).go())


def require_root() -> None:
    """Raises ``UsageError`` for anybody but root."""
    if os.geteuid() != 0:
        raise UsageError(
            "containers need root",
            "namespaces, mounts and control groups are made with CAP_SYS_ADMIN",
            "run it with sudo",
        )


def new_run_id(now_s: float, salt: str) -> str:
    """An id that sorts by time: UTC, then ``salt`` for runs of the same second."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_s))}-{salt}"


def id_map() -> IdMap:
    """The range of ids for containers: what /etc/subuid and /etc/subgid give root, or the documented default."""
    return subids.id_map(_text("/etc/subuid"), _text("/etc/subgid"))


def views(rootfs_dir: str, images: Mapping[str, Image]) -> tuple[str, ...]:
    """The directories that containers' lower layers lie in: the store, and folders of the host outside of it."""
    lowers = {lower for image in images.values() for overlay in image.overlays for lower in overlay.lowers}
    outside = {lower for lower in lowers if lower != rootfs_dir and not lower.startswith(rootfs_dir + "/")}
    return (rootfs_dir, *sorted(outside))


def point_latest(reports: str, run_id: str) -> None:
    """Make ``latest`` in ``reports`` a link to ``run_id``, in one step for whoever looks."""
    staged = os.path.join(reports, f".latest-{run_id}")
    os.symlink(run_id, staged)
    try:
        os.replace(staged, os.path.join(reports, "latest"))
    except OSError:
        os.unlink(staged)
        raise


class _Run:
    """One run, from its images to its report."""

    def __init__(self, options: RunOptions, matrix: Matrix, jobs: tuple[Job, ...], ui: Ui) -> None:
        self._options = options
        self._matrix = matrix
        self._jobs = jobs
        self._ui = ui
        self._id = new_run_id(time.time(), secrets.token_hex(2))
        self._dir = os.path.join(os.path.abspath(options.reports), self._id)
        self._store = Store(options.home)
        self._id_map = id_map()
        used = {job.distro for job in jobs}
        self._distros = tuple(distro for distro in matrix.distros if distro.name in used)
        self._signals = 0
        self._interrupted = False

    async def go(self) -> RunOutcome:
        started_s = time.monotonic()
        # The host's folders have to be known when the engine starts; those of the store are all in one.
        host = {each.name: self._resolve(each) for each in self._distros if each.source.kind is SourceKind.HOST}
        images = {name: image for name, image in host.items() if isinstance(image, Image)}
        engine = LocalEngine(self._id, self._dir, views(self._store.rootfs_dir, images), self._id_map)
        pool = ThreadPoolExecutor(_UNPACKERS, "image")
        try:
            engine_info = await engine.start()
            os.makedirs(self._dir)
            await self._drive(engine, self._info(engine_info), host, pool, started_s)
        finally:
            # The report does not wait for an image that nobody needs any more.
            pool.shutdown(wait=False, cancel_futures=True)
            await engine.close()
        record = queries.read(self._journal_path)
        write_all(self._dir, record)
        point_latest(os.path.dirname(self._dir), self._id)
        self._ui.end(record, self._dir)
        return RunOutcome(Status(record.status).exit_code, self._dir)

    @property
    def _journal_path(self) -> str:
        return os.path.join(self._dir, "journal.sqlite")

    async def _drive(
        self,
        engine: LocalEngine,
        info: RunInfo,
        host: Mapping[str, Image | str],
        pool: ThreadPoolExecutor,
        started_s: float,
    ) -> None:
        cores = len(os.sched_getaffinity(0))
        given = policy.budget(cores, psutil.virtual_memory().available, self._options.slots)
        with JournalWriter(self._journal_path) as journal:
            journal.begin(info, self._jobs)
            self._ui.begin(len(self._jobs), info)
            driver = Driver(Scheduler(self._jobs, given), self._jobs, engine, journal, self._ui)
            self._handle_signals(driver)
            resolving = [asyncio.ensure_future(self._supply(each, host, driver, pool)) for each in self._distros]
            try:
                await driver.run()
            finally:
                for each in resolving:
                    each.cancel()
                self._ignore_signals()
            ended = status(driver.outcomes.values(), self._interrupted)
            journal.finish(time.monotonic() - started_s, ended)

    async def _supply(
        self, distro: Distro, known: Mapping[str, Image | str], driver: Driver, pool: ThreadPoolExecutor
    ) -> None:
        """Tell ``driver`` of the image of ``distro``, or why there is none."""
        image = known.get(distro.name)
        if image is None:
            image = await asyncio.get_running_loop().run_in_executor(pool, self._resolve, distro)
        if isinstance(image, Image):
            driver.image_ready(distro.name, image)
        else:
            driver.image_failed(distro.name, image)

    def _resolve(self, distro: Distro) -> Image | str:
        """The image, or the sentence that its jobs end with."""
        try:
            return resolve(distro.source, self._store, self._id_map)
        except FarmError as error:
            return "; ".join(part for part in (f"image: {error.brief}", error.detail, error.remedy) if part)
        except OSError as error:
            return f"image: {error}"

    def _handle_signals(self, driver: Driver) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt, driver)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._kill, driver)

    def _ignore_signals(self) -> None:
        """From here the run is over: a further signal must not cost the report."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: None)

    def _interrupt(self, driver: Driver) -> None:
        self._signals += 1
        if self._signals > 1:
            self._kill(driver)
            return
        self._interrupted = True
        self._ui.note("interrupted: waiting for what runs; once more ends it")
        driver.interrupt()

    def _kill(self, driver: Driver) -> None:
        self._interrupted = True
        self._ui.note("ending what runs")
        driver.kill()

    def _info(self, engine: EngineInfo) -> RunInfo:
        system = os.uname()
        return RunInfo(
            id=self._id,
            name=self._matrix.name,
            matrix_path=self._matrix.path,
            started_at=time.time(),
            farm_version=__version__,
            hostname=system.nodename,
            kernel=system.release,
            host_name=_host_name(),
            cpus=len(os.sched_getaffinity(0)),
            memory_bytes=psutil.virtual_memory().total,
            cgroup=engine.cgroup,
            user_namespace=engine.user_namespace,
            seccomp=engine.seccomp,
            warnings=engine.warnings,
            command_line=("farm", *self._options.argv),
        )


def _host_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
