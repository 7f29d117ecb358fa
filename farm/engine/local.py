"""The engine that runs attempts on this host, through one zygote."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from farm.container.spec import ContainerSpec
from farm.engine import abi, artifacts, direct, secrets, verdict
from farm.engine.after import scripts
from farm.engine.artifacts import Left
from farm.engine.course import SCRIPT_LIMIT_S, Course, Script, is_held
from farm.engine.disk import make_disk
from farm.engine.environment import environment, hostname
from farm.engine.failure import StepError, cancelled, errored, step
from farm.engine.glimpse import glimpse
from farm.engine.idmaps import IdMaps
from farm.engine.kept import Kept
from farm.engine.log import LogCapture
from farm.engine.mask import Mask
from farm.engine.mounts import Trees, open_all
from farm.engine.network import Networks
from farm.engine.privileges import capabilities, check_opt_outs
from farm.engine.services import Services
from farm.engine.skip import last_line
from farm.engine.surroundings import NOTHING, Surroundings, is_alone, service_spec, surrounded
from farm.engine.thread import in_thread
from farm.engine.user import Identity, identity
from farm.engine.verdict import Verdict
from farm.errors import FarmError
from farm.kernel import capability
from farm.kernel.userns import IdMap
from farm.launcher.client import Client
from farm.launcher.container import Container, Ended
from farm.launcher.filter import compile_filter
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.paths import safe_name
from farm.model.ports import EngineInfo, Glimpse, Work

LOG_CAP_BYTES = 64 << 20
GRACE_S = 5.0
"""Between SIGTERM and SIGKILL of a job that ran past its timeout."""

_FAREWELL_S = 5.0
_NO_TREES = Trees([], [], [])
_COPIES = 2  # of artifacts, at once


class LocalEngine:
    """``Engine`` of ``farm.model.ports`` on this host.

    Logs go to ``run_dir``/logs/<job>/<attempt>.log. ``views`` are the directories that images lie in: the store, and the
    host's own folders for the ``host`` image. ``id_map`` is the range of the shared user namespace, None for none.
    ``scratch_dir`` is the farm's own folder, where the disks of jobs with ``resources.disk`` take their space: ``run_dir``
    where not said.
    """

    def __init__(
        self,
        run_id: str,
        run_dir: str,
        views: tuple[str, ...],
        id_map: IdMap | None,
        *,
        log_cap_bytes: int = LOG_CAP_BYTES,
        grace_s: float = GRACE_S,
        script_limit_s: float = SCRIPT_LIMIT_S,
        scratch_dir: str | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._run_id = run_id
        self._run_dir = run_dir
        self._views = views
        self._id_map = id_map
        self._log_cap_bytes = log_cap_bytes
        self._grace_s = grace_s
        self._script_limit_s = script_limit_s
        self._scratch_dir = run_dir if scratch_dir is None else scratch_dir
        self._home = scratch_dir or ""
        self._kept = kept
        self._id_maps = IdMaps()
        self._networks = Networks()
        self._client: Client | None = None
        self._restart = asyncio.Lock()
        self._copying = asyncio.Semaphore(_COPIES)
        self._filters: dict[int, int] = {}  # capabilities -> filter id
        self._running: dict[str, Container | Services | None] = {}  # None: on its way to a container
        self._logs: dict[str, LogCapture] = {}
        self._cancelled: set[str] = set()
        self._null_fd = -1
        self._user_namespace = False

    async def start(self) -> EngineInfo:
        """Start the zygote. Raises ``FarmError`` where this host cannot run containers; ``close`` is still to be called."""
        self._null_fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self._client = Client(self._run_id, self._views, self._id_map)
        usual = capability.mask(capability.DEFAULT)
        loop = asyncio.get_running_loop()
        compiling = loop.run_in_executor(None, compile_filter, usual)  # takes as long as the zygote's own start
        ready = await self._client.start()
        self._user_namespace = ready.user_namespace
        self._filter(self._client, usual, await compiling)
        return EngineInfo(ready.cgroup, ready.user_namespace, seccomp=True, warnings=ready.warnings)

    async def run(self, work: Work) -> Attempt:
        """Run one attempt to its end; whatever happens to it is its outcome."""
        started_at = time.time()
        self._running[work.job.id] = None
        try:
            if self._client is not None:
                await self._client.room()
            if work.job.id in self._cancelled:
                return cancelled(work, started_at)
            return await self._logged(work, started_at)
        finally:
            self._running.pop(work.job.id, None)
            self._cancelled.discard(work.job.id)

    async def _logged(self, work: Work, started_at: float) -> Attempt:
        name = f"logs/{safe_name(work.job.id)}/{work.number}.log"
        try:
            with step("secrets"):
                hidden = secrets.values(work.job.secrets, os.environ)
            with step("open log"):
                mask = Mask(hidden.values()) if hidden else None
                log = LogCapture(os.path.join(self._run_dir, name), self._log_cap_bytes, mask)
        except StepError as error:
            return errored(work, started_at, error.step, error.cause)
        self._logs[work.job.id] = log
        try:
            if is_alone(work.job):
                return await self._attempt(work, hidden, log, name, started_at, NOTHING)
            async with self._surrounded(work, hidden, log) as around:
                return await self._attempt(work, hidden, log, name, started_at, around)
        except StepError as error:
            failed = errored(work, started_at, error.step, error.cause)
            return replace(failed, log_path=name, log_bytes=log.kept_bytes) if log.kept_bytes else failed
        except OSError as error:
            return errored(work, started_at, "capture log", error)
        finally:
            log.close()
            self._logs.pop(work.job.id, None)

    def cancel(self, job_id: str) -> None:
        """Kill the running attempt of ``job_id``, which then ends as ``cancelled``."""
        if job_id in self._running:
            self._cancelled.add(job_id)
            container = self._running[job_id]
            if container is not None:
                container.kill()

    def look(self, job_id: str) -> Glimpse | None:
        """See ``Engine.look``."""
        log = self._logs.get(job_id)
        return glimpse(self._running.get(job_id), log) if log is not None else None

    async def close(self) -> None:
        """Kill what still runs and leave nothing behind; may be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        await self._id_maps.close()
        await self._networks.close()
        if self._null_fd >= 0:
            os.close(self._null_fd)
            self._null_fd = -1

    @contextlib.asynccontextmanager
    async def _surrounded(self, work: Work, hidden: dict[str, str], log: LogCapture) -> AsyncIterator[Surroundings]:
        """What the attempt has beside its container, until the block ends. Raises ``StepError``."""
        job = work.job
        with step("launch"):
            client = await self._zygote()
            check_opt_outs(job, user_namespace=self._user_namespace)
            spec = partial(service_spec, work, self._run_id, self._filter(client, capability.mask(capability.DEFAULT)))
        values = tuple(hidden.values())
        services = Services(client, log, null_fd=self._null_fd, log_cap_bytes=self._log_cap_bytes, hidden=values)
        self._running[job.id] = services
        if job.id in self._cancelled:
            services.kill()
        async with surrounded(job, services, self._networks, spec, client.userns_fd(capabilities(job))) as around:
            yield around

    async def _attempt(
        self,
        work: Work,
        hidden: dict[str, str],
        log: LogCapture,
        log_path: str,
        started_at: float,
        around: Surroundings,
    ) -> Attempt:
        job = work.job
        launched_s = time.monotonic()
        bad = stays = False
        if self._kept is not None:
            self._kept.let_go(job.id)  # that of the attempt before
        container, spec = await self._launched(work, hidden, log, around)
        freeze = self._may_be_kept(job)
        course = Course(
            container, job, log, self._grace_s, self._script_limit_s, held=self._is_held(job), freeze=freeze
        )
        try:
            ended, timed_out = await course.command()
            if course.over:
                log.close_write()
                await self._finish(log, container)
            else:
                log.drain()
            found = self._verdict(job, ended, timed_out, log)
            if not course.over:
                wanted = scripts(job, spec, found, (self._null_fd, log.write_fd, log.write_fd)) if course.ran else ()
                bad = found.outcome.bad and course.ran
                if freeze and not bad:
                    container.sweep()
                await self._after(course, wanted, log, release=not (freeze and bad))
                if freeze and bad:
                    log.cut()
                await self._finish(log, container)
            found, left = await self._left(work, found, container, log)
            if self._kept is not None and freeze and bad and not course.over:
                stays = self._kept.keep(job.id, container, spec)
        finally:
            if not stays:
                await self._leave(container, course)
        command_started_s = container.started_s
        return Attempt(
            job_id=job.id,
            number=work.number,
            outcome=found.outcome,
            started_at=started_at,
            setup_s=(command_started_s or ended.at_s) - launched_s,
            duration_s=ended.at_s - command_started_s if command_started_s else 0.0,
            wait_status=ended.status,
            usage=ended.usage,
            failure=found.failure,
            reason=found.reason,
            log_path=log_path,
            log_bytes=log.kept_bytes,
            log_truncated=log.lost_bytes > 0,
            artifacts=left.artifacts,
            artifacts_path=left.path,
            cases_path=left.cases_path,
        )

    async def _left(self, work: Work, found: Verdict, container: Container, log: LogCapture) -> tuple[Verdict, Left]:
        """Copy what the attempt is to leave behind; the verdict as that makes it."""
        asked = work.job.artifacts
        if asked is None or not artifacts.wanted(asked, found.outcome) or container.root_fd < 0:
            return found, Left()
        name = f"{safe_name(work.job.id)}/{work.number}"
        id_map = self._id_map if self._user_namespace else None
        try:
            async with self._copying:
                left = await artifacts.collect(container.root_fd, asked, self._run_dir, name, id_map, log.mask)
        except OSError as error:
            log.note(f"artifacts could not be copied: {error}")
            return verdict.without_artifacts(found, error), Left()
        for note in left.notes:
            log.note(note)
        return replace(found, reason="; ".join(each for each in (found.reason, left.brief) if each)), left

    def _verdict(self, job: Job, ended: Ended, timed_out: str, log: LogCapture) -> Verdict:
        found = verdict.judge(
            ended, timed_out=timed_out, cancelled=job.id in self._cancelled, skip_exit_code=job.skip_exit_code
        )
        if found.outcome is Outcome.SKIPPED:
            found = replace(found, reason=last_line(log.path, log.kept_bytes) or found.reason)
        return verdict.expected(found, job.expect)

    async def _after(self, course: Course, wanted: tuple[Script, ...], log: LogCapture, *, release: bool) -> None:
        """Run what is to be run after the command, and with ``release`` let the container end."""
        try:
            for script in wanted:
                if not course.over:
                    await course.script(script)
        finally:
            log.close_write()
            if release:
                await course.release()

    async def _finish(self, log: LogCapture, container: Container) -> None:
        """Read the log to its end, which does not come where a zygote that hangs still has the pipe in its queue."""
        if not container.unborn:
            await log.finish()
            return
        try:
            await asyncio.wait_for(log.finish(), _FAREWELL_S)
        except TimeoutError:
            if self._client is not None:
                self._client.give_up()

    async def _launched(
        self, work: Work, hidden: dict[str, str], log: LogCapture, around: Surroundings
    ) -> tuple[Container, ContainerSpec]:
        """The attempt's container; the write end of ``log`` is then only its own, but for scripts. Raises ``StepError``."""
        job = work.job
        disk: tuple[int, ...] = ()
        trees = _NO_TREES
        most_id = self._id_map.count - 1 if self._id_map is not None and self._user_namespace else None
        with step("user"):
            who = identity(job.user, work.image.overlays, most_id)
        try:
            if job.limits.disk_bytes is not None:
                with step("make disk"):
                    disk = (await in_thread(make_disk, self._scratch_dir, job.limits.disk_bytes),)
            with step("launch"):
                client = await self._zygote()
                check_opt_outs(job, user_namespace=self._user_namespace)
            if job.mounts:
                with step("mount"):
                    id_map = self._id_map if self._user_namespace else None
                    trees = await open_all(job.mounts, who, self._home, id_map, self._id_maps)
                for note in trees.notes:
                    log.note(note)
            with step("launch"):
                around.verify(client)
                spec = around.joined.given(self._spec(work, client, who, trees, hidden))
                further = (*disk, *trees.descriptors, *around.joined.descriptors)
                descriptors = (self._null_fd, log.write_fd, log.write_fd, *further)
                container = client.launch(spec, descriptors)
        finally:
            trees.close()
            for fd in disk:
                os.close(fd)
        if not self._is_held(job):
            log.close_write()
        self._running[job.id] = container
        if job.id in self._cancelled:  # while it was on its way
            container.kill()
        return container, spec

    def _is_held(self, job: Job) -> bool:
        """The container stays when its command has ended: for scripts, or because it may be kept."""
        return is_held(job) or self._may_be_kept(job)

    def _may_be_kept(self, job: Job) -> bool:
        return self._kept is not None and job.init

    async def _leave(self, container: Container, course: Course) -> None:
        """Nobody needs the container any more."""
        if self._kept is not None and not course.over:
            await course.release()
        container.let_go()

    async def _zygote(self) -> Client:
        """The zygote's client; a zygote that died is replaced, so that a run outlives it."""
        if self._client is None:
            raise FarmError("the engine is closed")
        if not self._client.alive:
            async with self._restart:
                if self._client is not None and not self._client.alive:
                    await self._client.close()
                if self._client is not None and not self._client.alive:  # the engine may have been closed meanwhile
                    self._filters.clear()
                    self._client = client = Client(self._run_id, self._views, self._id_map)
                    await client.start()
                    if self._client is None:
                        await client.close()
        if self._client is None:
            raise FarmError("the engine was closed")
        return self._client

    def _spec(self, work: Work, client: Client, who: Identity, trees: Trees, hidden: dict[str, str]) -> ContainerSpec:
        job = work.job
        allowed = capabilities(job)
        return ContainerSpec(
            overlays=work.image.overlays,
            argv=job.argv,
            direct=direct.words(job.argv, job.script),
            environment=environment(work, self._run_id, who, hidden),
            identity=who.ids,
            working_directory=job.working_directory,
            mounts=tuple(trees.points),
            hostname=job.hostname or hostname(job),
            limits=job.limits,
            capabilities=allowed,
            no_new_privs=job.no_new_privs and not job.privileged,
            filter_id=0 if job.privileged else self._filter(client, allowed),
            bare=job.privileged,
            personality=abi.personality(work.image.facts.arch),
            on_disk=job.limits.disk_bytes is not None,
            hold=self._is_held(job),
            freeze=self._may_be_kept(job),
            keep_root=job.artifacts is not None,
            init=job.init,
        )

    def _filter(self, client: Client, capabilities: int, program: bytes = b"") -> int:
        if capabilities not in self._filters:
            client.add_filter(len(self._filters) + 1, program or compile_filter(capabilities))
            self._filters[capabilities] = len(self._filters) + 1
        return self._filters[capabilities]
