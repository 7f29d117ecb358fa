"""``farm run``: a matrix file becomes a run, a run becomes a report."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import psutil

from farm import __version__
from farm.app import lock
from farm.app.digests import check_digests
from farm.app.folder import JOURNAL, claim_run_dir, point_latest
from farm.app.host import id_map, raise_descriptors, require_root, unpack_limits, views, writable_store
from farm.app.images import Images
from farm.app.interrupts import Interrupts
from farm.app.preparing import Preparing, names
from farm.app.supply import Supply
from farm.app.turns import Turns
from farm.app.unavailable import Unavailable
from farm.engine.build import LocalBuilder
from farm.engine.local import LocalEngine
from farm.errors import FarmError
from farm.image.digests import DigestCache
from farm.image.prepared import prepared
from farm.image.store import Store
from farm.journal import queries
from farm.journal.writer import JournalWriter
from farm.matrix.document import Matrix
from farm.matrix.expand import expand
from farm.matrix.load import load
from farm.matrix.select import select
from farm.model.distro import Image, SourceKind
from farm.model.job import Attempt, ImageKey, Job
from farm.model.outcome import Outcome
from farm.model.ports import EngineInfo
from farm.model.run import BUILD_NOTE, RunInfo, RunRecord
from farm.report.summary import Status, status
from farm.report.write import write_all
from farm.schedule import policy
from farm.schedule.driver import Driver
from farm.schedule.state import Scheduler

NOTHING_SELECTED = Status.EMPTY.exit_code


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for.

    ``slots`` is ``-j``; ``home`` the farm's folder, ``reports`` that of reports. ``cpu_overcommit`` and
    ``memory_overcommit`` are how many times the host's cores and its available memory the quotas may add up to; None is
    what ``policy`` thinks right. ``locked`` refuses images that are not those of the lock file.
    """

    matrix: str
    home: str
    reports: str
    keyword: str | None = None
    distros: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    slots: int | None = None
    cpu_overcommit: float | None = None
    memory_overcommit: float | None = None
    catalogue: tuple[str, ...] = ()
    locked: bool = False
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

    def finished(self, job: Job, outcome: Outcome, reason: str, attempt: Attempt | None, /) -> None: ...

    def note(self, text: str, /) -> None: ...

    def end(self, record: RunRecord, run_dir: str, /) -> None: ...


def plan(options: RunOptions) -> tuple[Matrix, tuple[Job, ...]]:
    """The matrix and the selected jobs. Raises ``UsageError`` for a wrong file or selection."""
    matrix = load(options.matrix, options.catalogue)
    return matrix, select(expand(matrix), options.keyword, options.distros, options.tags)


def run(options: RunOptions, ui: Ui) -> RunOutcome:
    """Run what ``options`` select and write the report.

    SIGINT drains, a second one kills; SIGTERM and SIGHUP kill at once. The report is written in each case, also where the
    signal came before the first job. Raises ``UsageError`` where the run cannot begin, ``FarmError`` where it cannot be
    recorded, and whatever is a bug of the farm, each after a report of what the journal has. Raises this process's soft
    limit of open files as far as the jobs need it.
    """
    require_root()
    matrix, jobs = plan(options)
    if not jobs:
        return RunOutcome(NOTHING_SELECTED)
    return asyncio.run(_Run(options, matrix, jobs, ui).go())


class _Run:
    """One run, from its images to its report."""

    def __init__(self, options: RunOptions, matrix: Matrix, jobs: tuple[Job, ...], ui: Ui) -> None:
        self._options = options
        self._matrix = matrix
        self._jobs = jobs
        self._ui = ui
        self._id_map = id_map()
        self._limits = unpack_limits()
        self._started_s = time.monotonic()
        used = {job.distro for job in jobs}
        self._distros = tuple(distro for distro in matrix.distros if distro.name in used)
        self._keys = dict.fromkeys(job.image_key for job in jobs)
        self._lock = lock.read(options.matrix, self._distros) if options.locked else None
        self._outcomes: Mapping[str, Outcome] = {}

    async def go(self) -> RunOutcome:
        interrupts = Interrupts(self._ui.note)
        store = writable_store(self._options.home)
        cache = DigestCache(store.digests_dir)
        await interrupts.unless_stopped(
            asyncio.to_thread(check_digests, self._distros, cache, lambda: interrupts.stopped)
        )
        run_id, run_dir = claim_run_dir(self._options.reports, time.time())
        journal = os.path.join(run_dir, JOURNAL)
        entries = self._lock.entries if self._lock else {}
        supplying = partial(Supply, locked={name: each.digest for name, each in entries.items()})
        preparing_by = partial(
            Preparing,
            make=partial(prepared, most_bytes=self._limits.total_bytes),
            called=names(self._jobs),
        )
        try:
            with (
                Turns(LocalBuilder(self._id_map)) as turns,
                supplying(store, self._id_map, self._limits, self._ui.note, turns, run_dir) as supply,
                preparing_by(store, turns, run_dir, self._ui.note, lambda: interrupts.stopped) as preparing,
            ):
                await self._with_images(run_id, run_dir, store, supply, preparing, interrupts)
        except BaseException:
            self._salvage(run_dir)
            raise
        record = queries.read(journal)
        write_all(run_dir, record)
        try:
            point_latest(run_dir)
        except OSError as error:
            self._ui.note(f"the report is there, but the link latest is not: {error}")
        self._ui.end(record, run_dir)
        return RunOutcome(Status(record.status).exit_code, run_dir)

    async def _with_images(
        self,
        run_id: str,
        run_dir: str,
        store: Store,
        supply: Supply,
        preparing: Preparing,
        interrupts: Interrupts,
    ) -> None:
        # The host's folders have to be known when the engine starts; those of the store are all in one. With a lock all
        # images have to be: nothing runs unless all of them are the right ones.
        first = [each for each in self._distros if self._lock or any(s.kind is SourceKind.HOST for s in each.sources)]
        found = await interrupts.unless_stopped(asyncio.gather(*(supply.image(each) for each in first)))
        known = dict(zip((each.name for each in first), found or (), strict=False))
        if self._lock is not None:
            lock.check(self._lock, first, known, supply.tried)
        images = [each for each in known.values() if isinstance(each, Image)]
        given, notes = self._budget()
        shown, scratch = views(store.rootfs_dir, images), self._options.home
        engine = LocalEngine(run_id, run_dir, shown, self._id_map, scratch_dir=scratch)
        try:
            info = self._info(run_id, await engine.start(), notes)
            with JournalWriter(os.path.join(run_dir, JOURNAL)) as journal:
                journal.begin(info, self._jobs)
                self._ui.begin(len(self._jobs), info)
                driver = Driver(Scheduler(self._jobs, given), self._jobs, engine, journal, self._ui)

                def tell(found: Unavailable) -> None:
                    self._tell(found, run_dir, journal)

                await self._drive(driver, Images(supply.image, preparing.image, known, driver, tell), interrupts)
                ended = status(driver.outcomes.values(), interrupts.stopped)
                journal.finish(time.monotonic() - self._started_s, ended)
        finally:
            await engine.close()

    async def _drive(self, driver: Driver, images: Images, interrupts: Interrupts) -> None:
        with interrupts.told_to(driver):
            keys: dict[str, list[ImageKey]] = {}
            for key in self._keys:
                keys.setdefault(key.distro, []).append(key)
            providing = [
                asyncio.ensure_future(images.provide(each, keys[each.name]))
                for each in self._distros
                if not interrupts.stopped
            ]
            try:
                await driver.run()
            finally:
                for each in providing:
                    each.cancel()

    def _tell(self, found: Unavailable, run_dir: str, journal: JournalWriter) -> None:
        """Everybody who is to know of a command that failed, once."""
        if found.headline:
            journal.note(BUILD_NOTE, found.note())
            self._ui.note(found.note(run_dir))

    def _budget(self) -> tuple[policy.Budget, tuple[str, ...]]:
        """What may run at once, and what of ``-j`` the host does not allow."""
        asked = self._options.slots
        given = policy.budget(
            len(os.sched_getaffinity(0)),
            psutil.virtual_memory().available,
            asked,
            cpu_overcommit=self._options.cpu_overcommit,
            memory_overcommit=self._options.memory_overcommit,
        )
        slots = raise_descriptors(min(given.slots, len(self._jobs)))
        notes = []
        if slots < min(given.slots, len(self._jobs)):
            jobs = "one job" if slots == 1 else f"{slots} jobs"
            notes.append(f"at most {jobs} at once: the limit of open files allows no more (ulimit -Hn)")
            given = replace(given, slots=slots)
        if asked is not None and (held := policy.held_to(self._jobs, given)):
            notes.append(f"about {held} jobs at once: {policy.memory_held(given)} (--overcommit-memory)")
        return given, tuple(notes)

    def _salvage(self, run_dir: str) -> None:
        """The run ended by an error: report what the journal has, and keep no folder of a run that never began."""
        try:
            record = queries.read(os.path.join(run_dir, JOURNAL))
        except FarmError:
            shutil.rmtree(run_dir, ignore_errors=True)
            return
        # The error that is on its way out says more than one of these could.
        with contextlib.suppress(FarmError, OSError):
            write_all(run_dir, record)
            self._ui.end(record, run_dir)

    def _info(self, run_id: str, engine: EngineInfo, notes: tuple[str, ...]) -> RunInfo:
        system = os.uname()
        return RunInfo(
            id=run_id,
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
            warnings=engine.warnings + notes,
            command_line=("farm", *self._options.argv),
        )


def _host_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
