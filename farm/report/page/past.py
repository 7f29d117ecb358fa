"""What earlier runs say, in the page's form. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from farm.model.memory import Change, JobMemory, Memory
from farm.model.run import JobRecord
from farm.report.page.marks import code
from farm.schedule.repeat import first_id

_CHANGES = {None: 0, Change.NEW: 1, Change.FIXED: 2, Change.STILL: 3}
_LEVELS = 9
_NONE = JobMemory()


@dataclass(slots=True)
class Runs:
    """The earlier runs that trends name, by number: id and beginning in seconds of the epoch."""

    numbers: dict[str, int] = field(default_factory=dict)
    began: list[tuple[str, float]] = field(default_factory=list)

    def number(self, run: str, started_at: float) -> int:
        """That of ``run``, a new one for a new run."""
        found = self.numbers.setdefault(run, len(self.began))
        if found == len(self.began):
            self.began.append((run, started_at))
        return found


def of(memory: Memory, record: JobRecord) -> JobMemory:
    """What is known of a job, repetitions of it alike."""
    return memory.jobs.get(first_id(record.job.id), _NONE) if memory.jobs else _NONE


def change(known: JobMemory) -> int:
    """0 for none, 1 new, 2 fixed, 3 still."""
    return _CHANGES[known.change]


def outcomes(known: JobMemory) -> str:
    """A digit for each earlier result, oldest first: its outcome's place in ``marks.WORDS``."""
    return "".join(str(code(each.outcome)) for each in known.trend)


def levels(known: JobMemory, took_s: float) -> str:
    """A digit for each earlier result and this one: 9 is the longest time of them, 0 none at all."""
    if not known.trend:
        return ""
    all_s = [*(each.duration_s for each in known.trend), took_s]
    most_s = max(all_s)
    return "".join(str(round(_LEVELS * each / most_s)) if most_s > 0 else "0" for each in all_s)


def told(known: JobMemory, runs: Runs) -> list[tuple[int, int, float]]:
    """The earlier results at length: number of the run, place of the outcome, seconds."""
    return [
        (runs.number(each.run, each.started_at), code(each.outcome), round(each.duration_s, 2)) for each in known.trend
    ]
