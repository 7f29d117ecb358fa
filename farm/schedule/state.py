"""The scheduler's decisions: an event goes in, commands come out; no clock, no I/O, no tasks.

A job waits for its images (its distro's, or what is prepared from that, and those of its services) and for the jobs that it
needs, then in ``queues`` for its turn and for room. Each ends with exactly one ``Finish``, perhaps after several attempts, and
``Done`` comes once, after the last. Small jobs may pass a large one that does not fit, but only ``PATIENCE`` times: then
nothing else starts until the large one has. An event costs as much as there are different demands before the first that fits
(``LOOKED_AT`` at most) and as there are jobs that it ends, not as there are jobs.

A host that has no descriptor or process left for a container is no failure: the job waits a little, longer each time, and
fewer run at once from then on. One more may as often as all that run have ended, as in TCP's congestion avoidance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from farm.model.job import ImageKey, Job
from farm.model.outcome import Outcome
from farm.schedule import needs, policy, retry
from farm.schedule.events import (
    AttemptEnded,
    Begin,
    Cancel,
    Command,
    Done,
    Dropped,
    Event,
    Finish,
    ImageFailed,
    ImageReady,
    Interrupted,
    Killed,
    Overdue,
    Pressure,
    Retry,
    Start,
    Wait,
    Waited,
)
from farm.schedule.policy import Budget, Demand
from farm.schedule.queues import Queues
from farm.schedule.retry import Tried
from farm.schedule.standing import Standing, Used, Why, held_back

PATIENCE = 64
LOOKED_AT = 256
EXHAUSTED_MOST = 10
"""How often a job waits for descriptors or processes of the host before that is its error; some 13 seconds in all."""
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.1, 2.0

_INTERRUPTED = "the run was interrupted"
_OVERDUE = "the run's deadline passed"


class _Phase(Enum):
    WAITING = 0  # for its image, or for jobs that it needs
    QUEUED = 1
    RUNNING = 2
    PAUSED = 3  # for what ``Wait`` waits for
    OVER = 4


class Scheduler:
    """The state of one run. The same events in the same order always give the same commands.

    ``ranks`` is the place of each job in the order, that of ``jobs`` without it. ``ended`` are the outcomes of those that
    were over before, and do not run; ``tried`` is what is known of earlier attempts. After ``max_fail`` bad jobs the run is
    stopped; 0 for no such bound.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        given: Budget,
        *,
        ranks: Sequence[int] | None = None,
        ended: Mapping[str, Outcome] | None = None,
        tried: Mapping[str, Tried] | None = None,
        max_fail: int = 0,
    ) -> None:
        self._jobs = tuple(jobs)
        self._ranks = range(len(self._jobs)) if ranks is None else ranks
        self._budget = given
        self._max_fail = max_fail
        self._ended_before = ended or {}
        self._indices = {job.id: index for index, job in enumerate(self._jobs)}
        self._needing = needs.dependents(self._jobs, self._indices)
        self._open_needs = [sum(each in self._indices for each in dict.fromkeys(job.needs)) for job in self._jobs]
        self._tried = {self._indices[each]: known for each, known in (tried or {}).items() if each in self._indices}
        self._phases = [_Phase.WAITING] * len(self._jobs)
        self._queues = Queues(self._jobs)
        self._now_s = 0.0
        self._ready_s = [0.0] * len(self._jobs)
        self._unready: dict[ImageKey, list[int]] = {}
        self._of_test: dict[str, list[int]] = {}
        for index, job in enumerate(self._jobs):
            for key in job.image_keys:
                self._unready.setdefault(key, []).append(index)
            self._of_test.setdefault(job.test, []).append(index)
        self._open_images = [len(job.image_keys) for job in self._jobs]
        self._running: dict[int, Demand] = {}
        self._cpus = 0.0
        self._memory_bytes = 0
        self._passed: dict[int, int] = {}
        self._ceiling = max(1, given.slots)
        self._since_exhausted = 0
        self._exhausted: dict[int, int] = {}
        self._pressed = 0
        self._why_cancelled: dict[int, str] = {}
        self._cancelled_tests: set[str] = set()
        self._stopped = ""
        self._killed = False
        self._bad = 0
        self._left = len(self._jobs)
        self._done = False
        self._commands: list[Command] = []

    @property
    def running(self) -> int:
        """Jobs that run now."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Jobs that are ready and do not run: they have no room, or something that runs shuts them out."""
        return len(self._queues)

    @property
    def overdue(self) -> bool:
        """The deadline is what stopped the run."""
        return self._stopped == _OVERDUE

    @property
    def at_most(self) -> int:
        """How many jobs may run at once just now: fewer than the budget says where the host was exhausted."""
        return self._ceiling

    def standing(self) -> Standing:
        """How the run stands, counted now: it goes through all jobs."""
        used = Used(len(self._running), self._cpus, self._memory_bytes)
        waiting: Counter[Why] = Counter()
        for phase, missing in zip(self._phases, self._open_images, strict=True):
            if phase is _Phase.WAITING:
                waiting[Why.IMAGE if missing else Why.NEEDS] += 1
            elif phase is _Phase.PAUSED:
                waiting[Why.EXHAUSTED] += 1
        for wanted, count, shut in self._queues.waiting():
            waiting[shut or self._held_back(wanted, used)] += count
        kept = ((key, self._kept_by(key)) for key in self._unready)
        images = tuple(each for each in kept if each[1])
        return Standing(self._budget, used, self._most(), waiting, images, self._stopped)

    def step(self, event: Event, now_s: float = 0.0) -> tuple[Command, ...]:
        """What to do because of ``event``. Events that change nothing (a second ``Interrupted``) give no commands.

        ``now_s`` is by any clock that never goes back. It decides nothing: ``Start`` tells with it how long jobs waited.
        """
        self._now_s = now_s
        match event:
            case Begin():
                self._begin()
            case ImageReady(key):
                for index in self._unready.pop(key, ()):
                    self._open_images[index] -= 1
                    self._enqueue_if_ready(index)
            case ImageFailed(key, reason):
                for index in self._unready.pop(key, ()):
                    self._finish(index, Outcome.ERROR, reason)
            case AttemptEnded(job_id):
                self._ended(self._indices[job_id], event)
            case Dropped(job_id, outcome, reason):
                index = self._indices[job_id]
                self._release(index)
                self._finish(index, *retry.settled(self._known(index), outcome, reason))
            case Waited(job_id):
                index = self._indices[job_id]
                if self._phases[index] is _Phase.PAUSED:
                    self._enqueue(index)
            case Pressure(at_most):
                self._pressed = at_most
            case Interrupted():
                self._stop(_INTERRUPTED)
            case Killed():
                self._stop(_INTERRUPTED)
                self._kill("")
            case Overdue():
                if self._left:
                    self._stop(_OVERDUE)
                    self._kill(_OVERDUE)
        self._fill()
        if self._left == 0 and not self._done:
            self._done = True
            self._commands.append(Done())
        commands, self._commands = self._commands, []
        return tuple(commands)

    def _begin(self) -> None:
        """End what needs no container, or can never have one."""
        for index, job in enumerate(self._jobs):
            if job.id in self._ended_before:
                self._phases[index] = _Phase.OVER
                self._left -= 1
        for index, job in enumerate(self._jobs):
            if job.id in self._ended_before:
                self._tell_needing(index, self._ended_before[job.id])
        for index, job in enumerate(self._jobs):
            if job.condition and not job.late:
                self._finish(index, Outcome.SKIPPED, job.condition)
            elif reason := policy.never_fits(policy.demand_of(job), self._budget):
                self._finish(index, Outcome.ERROR, reason)
        reached = set(needs.topological(self._jobs, self._indices, self._needing))
        if len(reached) < len(self._jobs):
            for index, job in enumerate(self._jobs):
                if index not in reached:
                    self._finish(index, Outcome.ERROR, f"needs {', '.join(job.needs)}: these jobs need each other")

    # Waiting

    def _enqueue_if_ready(self, index: int) -> None:
        if self._phases[index] is _Phase.WAITING and not self._open_images[index] and not self._open_needs[index]:
            self._enqueue(index)

    def _enqueue(self, index: int) -> None:
        job = self._jobs[index]
        if self._phases[index] is not _Phase.PAUSED:  # one that the host had no room for has been ready all the time
            self._ready_s[index] = self._now_s
        self._phases[index] = _Phase.QUEUED
        self._queues.push(index, self._ranks[index], job, policy.demand_of(job))

    def _most(self) -> int:
        return min(self._ceiling, self._pressed or self._ceiling)

    def _held_back(self, wanted: Demand, used: Used) -> Why:
        return held_back(wanted, self._budget, used, ceiling=self._ceiling, pressed=self._pressed)

    def _kept_by(self, key: ImageKey) -> int:
        return sum(self._phases[index] is _Phase.WAITING for index in self._unready[key])

    def _fill(self) -> None:
        """Start the first job that fits, again and again; stop at a first one that was passed too often."""
        most = self._most()
        while len(self._running) < most:
            chosen = self._choose()
            if chosen is None:
                return
            self._start(self._queues.pop(chosen), chosen)

    def _choose(self) -> Demand | None:
        first = None
        for looked, (rank, wanted) in enumerate(self._queues.heads()):
            if policy.fits(wanted, self._budget, len(self._running), self._cpus, self._memory_bytes):
                if first is not None:
                    self._passed[first] = self._passed.get(first, 0) + 1
                return wanted
            if first is None:
                first = rank
                if self._passed.get(first, 0) >= PATIENCE:
                    return None
            if looked >= LOOKED_AT:
                return None
        return None

    # Running

    def _start(self, index: int, wanted: Demand) -> None:
        self._phases[index] = _Phase.RUNNING
        self._running[index] = wanted
        self._cpus += wanted.cpus
        self._memory_bytes += wanted.memory_bytes
        self._passed.pop(self._ranks[index], None)
        waited_s = self._now_s - self._ready_s[index]
        self._commands.append(Start(self._jobs[index].id, self._known(index).attempts + 1, waited_s))

    def _release(self, index: int) -> None:
        wanted = self._running.pop(index)
        self._queues.ended(self._jobs[index], wanted)
        self._memory_bytes -= wanted.memory_bytes
        # From nothing again where nothing runs, or rounding errors would add up over a long run.
        self._cpus = self._cpus - wanted.cpus if self._running else 0.0

    def _ended(self, index: int, ended: AttemptEnded) -> None:
        self._release(index)
        why = self._why_cancelled.pop(index, None)
        last = why is not None or bool(self._stopped)
        if ended.exhausted:
            self._ceiling = max(1, min(self._ceiling, len(self._running)))
            self._since_exhausted = 0
            if not last and self._exhausted.get(index, 0) < EXHAUSTED_MOST:
                self._pause(index)
                return
        else:
            self._recover()
        before = self._known(index)
        if not last and retry.wanted(self._jobs[index].retries, before.attempts + 1, ended):
            self._tried[index] = retry.after(before, ended)
            self._commands.append(Retry(self._jobs[index].id))
            self._enqueue(index)
            return
        reason = why if why and ended.outcome is Outcome.CANCELLED else ended.reason
        self._finish(index, *retry.settled(before, ended.outcome, reason))

    def _known(self, index: int) -> Tried:
        return self._tried.get(index) or Tried()

    def _pause(self, index: int) -> None:
        count = self._exhausted.get(index, 0)
        self._exhausted[index] = count + 1
        self._phases[index] = _Phase.PAUSED
        delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2**count)
        self._commands.append(Wait(self._jobs[index].id, delay_s))

    def _recover(self) -> None:
        if self._ceiling < self._budget.slots:
            self._since_exhausted += 1
            if self._since_exhausted >= self._ceiling:
                self._ceiling += 1
                self._since_exhausted = 0

    # Ending

    def _finish(self, index: int, outcome: Outcome, reason: str) -> None:
        """``index`` is over, and with it those that needed it to be good, or that its failure cancels; once each."""
        if not self._close(index, outcome, reason):
            return
        self._tell_needing(index, outcome)
        if outcome.bad and self._jobs[index].fail_fast and not self._stopped:
            self._cancel_test(self._jobs[index])
        if outcome.bad and self._bad == self._max_fail:
            why = "after a failure" if self._max_fail == 1 else f"after {self._max_fail} failures"
            self._stop(f"the run was stopped {why}")
            self._kill(f"the run was stopped {why}")

    def _close(self, index: int, outcome: Outcome, reason: str) -> bool:
        """Whether ``index`` was not over yet; now it is."""
        if self._phases[index] is _Phase.OVER:
            return False
        self._phases[index] = _Phase.OVER
        self._left -= 1
        self._bad += outcome.bad
        self._commands.append(Finish(self._jobs[index].id, outcome, reason))
        return True

    def _tell_needing(self, index: int, outcome: Outcome) -> None:
        """Those that need ``index`` may start, or are skipped, and so on; a list, for chains may be longer than the stack."""
        todo = [(index, outcome)]
        while todo:
            ended, outcome = todo.pop()
            for each in self._needing.get(ended, ()):
                if needs.met(outcome):
                    self._open_needs[each] -= 1
                    self._enqueue_if_ready(each)
                elif self._close(each, Outcome.SKIPPED, needs.unmet(self._jobs[ended].id, outcome)):
                    todo.append((each, Outcome.SKIPPED))

    def _cancel_test(self, job: Job) -> None:
        """``fail-fast``: nothing else of the job's test is wanted any more."""
        if job.test in self._cancelled_tests:
            return
        self._cancelled_tests.add(job.test)
        why = f"fail-fast: {job.id} was bad"
        self._queues.drop(job.test)
        for index in self._of_test[job.test]:
            if self._phases[index] is _Phase.RUNNING:
                self._cancel(index, why)
            else:
                self._finish(index, *retry.settled(self._known(index), Outcome.CANCELLED, why))

    def _stop(self, why: str) -> None:
        """Start nothing more. Nobody is skipped for needing one that is cancelled here: all that wait are."""
        if self._stopped:
            return
        self._stopped = why
        self._queues.drop()
        self._unready.clear()
        for index, phase in enumerate(self._phases):
            if phase is not _Phase.RUNNING and phase is not _Phase.OVER:
                told = f"{why} before it started"
                self._close(index, *retry.settled(self._known(index), Outcome.CANCELLED, told))

    def _kill(self, why: str) -> None:
        """End what runs, once."""
        if self._killed:
            return
        self._killed = True
        for index in self._running:
            self._cancel(index, why)

    def _cancel(self, index: int, why: str) -> None:
        if index not in self._why_cancelled:
            self._why_cancelled[index] = why
            self._commands.append(Cancel(self._jobs[index].id))
