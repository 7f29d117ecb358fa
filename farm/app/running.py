"""One run, from its images to its report."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial

from farm.app import lock
from farm.app.about import about
from farm.app.afterwards import report, salvage
from farm.app.digests import check_digests
from farm.app.door import Door
from farm.app.earlier import Earlier, earlier, went_on_s
from farm.app.folder import JOURNAL, claim_run_dir, held
from farm.app.handing import completing, handing_on
from farm.app.host import id_map, unpack_limits, views, writable_store
from farm.app.images import Images
from farm.app.interrupts import Interrupts
from farm.app.options import RunOptions, RunOutcome, Ui
from farm.app.planning import Plan, tried
from farm.app.preparing import Preparing, names
from farm.app.pressure import watch
from farm.app.room import room
from farm.app.sampling import Sampler
from farm.app.supply import Supply
from farm.app.turns import Turns
from farm.app.unavailable import Unavailable
from farm.app.watched import Watched
from farm.engine.build import LocalBuilder
from farm.engine.kept import Kept
from farm.engine.local import LocalEngine
from farm.image.digests import DigestCache
from farm.image.prepared import prepared
from farm.image.store import Store
from farm.journal.writer import JournalWriter
from farm.matrix.late import Completion
from farm.model.distro import Image, SourceKind
from farm.model.job import ImageKey
from farm.model.outcome import Outcome
from farm.model.run import BUILD_NOTE, RunInfo, RunRecord
from farm.report.summary import Status, status
from farm.schedule.driver import Driver
from farm.schedule.policy import Budget
from farm.schedule.state import Scheduler


class Run:
    """One run; with ``record`` and ``run_dir``, which the caller holds, the rest of an old one."""

    def __init__(
        self, options: RunOptions, planned: Plan, ui: Ui, record: RunRecord | None = None, run_dir: str = ""
    ) -> None:
        self._options = options
        self._asked = options.asked
        self._matrix = planned.matrix
        self._jobs = planned.jobs
        self._ranks = planned.ranks
        self._past = planned.past
        self._ui = ui
        self._record = record
        self._run_dir = run_dir
        self._earlier = earlier(record) if record is not None else Earlier()
        self._id_map = id_map()
        self._limits = unpack_limits()
        self._started_s = time.monotonic()
        self._went_on_s = went_on_s(record)
        self._left = [job for job in self._jobs if job.id not in self._earlier.ended]
        self._keys = dict.fromkeys(key for job in self._left for key in job.image_keys)
        used = {key.distro for key in self._keys}
        self._distros = tuple(distro for distro in self._matrix.distros if distro.name in used)
        self._lock = lock.read(options.matrix, self._distros) if self._asked.locked else None
        self._given: Budget | None = None
        self._called = names(self._left)

    async def go(self) -> RunOutcome:
        interrupts = Interrupts(self._ui.note)
        store = writable_store(self._options.home)
        cache = DigestCache(store.digests_dir)
        await interrupts.unless_stopped(
            asyncio.to_thread(check_digests, self._distros, cache, lambda: interrupts.stopped)
        )
        entries = self._lock.entries if self._lock else {}
        progress = self._ui.progress
        supplying = partial(Supply, progress=progress, locked={name: each.digest for name, each in entries.items()})
        make = partial(prepared, most_bytes=self._limits.total_bytes)
        preparing_by = partial(Preparing, make=make, progress=progress, called=self._called)
        with self._folder() as (run_id, run_dir):
            try:
                with (
                    Turns(LocalBuilder(self._id_map)) as turns,
                    supplying(store, self._id_map, self._limits, self._ui.note, turns, run_dir) as supply,
                    preparing_by(store, turns, run_dir, self._ui.note, lambda: interrupts.stopped) as preparing,
                ):
                    record = await self._with_images(run_id, run_dir, store, supply, preparing, interrupts)
            except BaseException:
                salvage(run_dir, self._ui)
                raise
        return RunOutcome(Status(record.status).exit_code, run_dir, record)

    def _now_s(self) -> float:
        """Seconds since the run began, without those in which it lay there killed."""
        return time.monotonic() - self._started_s + self._went_on_s

    @contextmanager
    def _folder(self) -> Iterator[tuple[str, str]]:
        if self._record is not None:
            yield self._record.info.id, self._run_dir
            return
        run_id, run_dir = claim_run_dir(self._options.reports, time.time())
        with held(run_dir):
            yield run_id, run_dir

    async def _with_images(
        self,
        run_id: str,
        run_dir: str,
        store: Store,
        supply: Supply,
        preparing: Preparing,
        interrupts: Interrupts,
    ) -> RunRecord:
        # The host's folders have to be known when the engine starts; those of the store are all in one. With a lock all
        # images have to be: nothing runs unless all of them are the right ones.
        first = [each for each in self._distros if self._lock or any(s.kind is SourceKind.HOST for s in each.sources)]
        found = await interrupts.unless_stopped(asyncio.gather(*(supply.image(each) for each in first)))
        images = dict(zip((each.name for each in first), found or (), strict=False))
        if self._lock is not None:
            lock.check(self._lock, first, images, supply.tried)
        self._given, notes = room(self._asked, self._left, self._options.home, keeps=bool(self._options.keep))
        shown = views(store.rootfs_dir, [each for each in images.values() if isinstance(each, Image)])
        kept = Kept() if self._options.keep else None
        engine = LocalEngine(run_id, run_dir, shown, self._id_map, scratch_dir=self._options.home, kept=kept)
        try:
            with Door(self._options.home, run_id, kept) if kept is not None else nullcontext():
                since = time.time()
                info = about(run_id, self._matrix, self._options, await engine.start(), notes)
                await self._recorded(info, run_dir, engine, supply, preparing, images, interrupts)
                given = self._given if self._options.verbose else None
                record = report(run_dir, self._ui, given=given, since=since)
                if kept is not None and kept.jobs:
                    await self._stay(kept, interrupts)
            return record
        finally:
            await engine.close()

    async def _recorded(
        self,
        info: RunInfo,
        run_dir: str,
        engine: LocalEngine,
        supply: Supply,
        preparing: Preparing,
        images: Mapping[str, Image | Unavailable],
        interrupts: Interrupts,
    ) -> None:
        """The jobs, into the journal."""
        with JournalWriter(os.path.join(run_dir, JOURNAL), resume=self._record is not None) as journal:
            if self._record is None:
                journal.begin(info, self._jobs)
            else:
                journal.note("resumed", f"{len(self._left)} of {len(self._jobs)} jobs had no outcome")
            self._ui.begin(len(self._left), info)
            driver = self._driver(engine, journal, run_dir)
            self._ui.watch(Watched(run_dir, driver, engine, self._left, self._past))

            def tell(found: Unavailable) -> None:
                self._tell(found, run_dir, journal)

            giving = Images(
                supply.image, preparing.image, images, driver, tell, used=journal.image, called=self._called
            )
            before = len(self._record.samples) if self._record is not None else 0
            with Sampler(driver, journal, self._now_s, before) as sampler:
                await self._drive(driver, giving, sampler, interrupts)
            self._finish(driver, journal, interrupts)

    async def _stay(self, kept: Kept, interrupts: Interrupts) -> None:
        """While somebody looks into the containers that are kept; not where nobody sits at a terminal to say when to go."""
        if self._options.waits and not interrupts.stopped:
            more = f", {kept.refused} more were not" if kept.refused else ""
            names = "".join(f"\n{each}" for each in kept.jobs)
            self._ui.note(f"kept, for farm shell JOB, until Ctrl-C or farm gc{more}:{names}")
            await interrupts.unless_stopped(kept.empty())

    def _driver(self, engine: LocalEngine, journal: JournalWriter, run_dir: str) -> Driver:
        before = self._earlier
        assert self._given is not None, "no room was made"
        scheduler = Scheduler(
            self._jobs,
            self._given,
            ranks=self._ranks,
            ended=before.ended,
            tried=before.tried,
            max_fail=self._asked.max_fail,
        )
        return Driver(
            scheduler,
            self._jobs,
            engine,
            journal,
            self._ui,
            complete=completing(Completion(self._matrix), self._asked, tried),
            hand_on=handing_on(self._jobs, run_dir),
            good=before.good,
            clock=self._now_s,
        )

    async def _drive(self, driver: Driver, images: Images, sampler: Sampler, interrupts: Interrupts) -> None:
        assert self._given is not None, "no room was made"
        with interrupts.told_to(driver):
            keys: dict[str, list[ImageKey]] = {}
            for key in self._keys:
                keys.setdefault(key.distro, []).append(key)
            beside = [
                asyncio.ensure_future(images.provide(each, keys[each.name]))
                for each in self._distros
                if not interrupts.stopped
            ]
            beside.append(asyncio.ensure_future(watch(driver, self._given.cores, self._ui.note)))
            beside.append(asyncio.ensure_future(sampler.watch()))
            deadline = None
            if self._asked.deadline_s is not None:
                left_s = self._started_s + self._asked.deadline_s - time.monotonic()
                deadline = asyncio.get_running_loop().call_later(max(0.0, left_s), driver.overdue)
            try:
                await driver.run()
            finally:
                if deadline is not None:
                    deadline.cancel()
                for each in beside:
                    each.cancel()

    def _finish(self, driver: Driver, journal: JournalWriter, interrupts: Interrupts) -> None:
        if driver.exhausted:
            times = "once" if driver.exhausted == 1 else f"{driver.exhausted} times"
            journal.note("host", f"no descriptors or processes were left for a container {times}; its job waited")
        outcomes: Mapping[str, Outcome] = {**self._earlier.ended, **driver.outcomes}
        ended = status(
            outcomes.values(),
            interrupts.stopped,
            deadline=driver.is_overdue,
            fail_on_flaky=self._asked.fail_on_flaky,
            spare=not self._jobs,
        )
        journal.finish(self._now_s(), ended)

    def _tell(self, found: Unavailable, run_dir: str, journal: JournalWriter) -> None:
        """Everybody who is to know of a command that failed, once."""
        if found.headline:
            journal.note(BUILD_NOTE, found.note())
            self._ui.note(found.note(run_dir))
