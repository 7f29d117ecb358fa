"""Several runs as one: the parts of a matrix that several hosts ran, or that one ran in turns. Pure.

Where several parts ran one job, as each part does with what its jobs need, its results have to agree; of those that do, the
one that ended last is taken, with its attempts. A job that was cancelled, or that a part did not come to, gives way to a
result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from farm.app.earlier import went_on_s
from farm.errors import UsageError
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunInfo, RunRecord, Sample
from farm.report.summary import Status, status
from farm.report.text import line
from farm.values import dataclass

_SHOWN = 5
_MISSING = "not there: the parts"
_SHARD = re.compile(r"\d+/\d+")
_PIECE = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Merged:
    """``record`` is the whole; ``sources`` says of each of its jobs, in their order, which part it is of."""

    record: RunRecord
    sources: tuple[int, ...]


def merged(parts: Sequence[RunRecord], run_id: str, *, last: bool = False, every: Sequence[Job] = ()) -> Merged:
    """The run ``run_id``, of ``parts``; with ``last`` the result that ended last counts where they do not agree.

    Of ``every`` job that there should be, those that no part has are there without an outcome.

    Jobs are in the order of their places in the matrix file, and of their ids. Raises ``UsageError`` where the parts are of
    several matrices or their results do not agree.
    """
    names = list(dict.fromkeys(each.info.name for each in parts))
    if len(names) > 1:
        raise UsageError("these are runs of several matrices", ", ".join(map(line, names)), "merge those of one")
    taken: dict[str, tuple[int, JobRecord]] = {}
    apart: list[str] = []
    for job_id, found in _by_job(parts).items():
        found = _results(found)
        if not last and len({record.outcome for _, record in found}) > 1:
            apart.append(f"{line(job_id)}: {_told(parts, found)}")
        taken[job_id] = max(found, key=lambda each: _ended_at(parts[each[0]], each[1]))
    if apart:
        more = f"\nand {len(apart) - _SHOWN} more" if len(apart) > _SHOWN else ""
        remedy = "with --last the result counts that ended last"
        raise UsageError(
            f"the runs do not agree on {len(apart)} of their jobs", "\n".join(apart[:_SHOWN]) + more, remedy
        )
    for job in every:
        taken.setdefault(job.id, (0, JobRecord(job)))
    order = sorted(taken, key=lambda job_id: _place(taken[job_id][1]))
    begun = min(each.info.started_at for each in parts)
    records = tuple(_later(taken[each][1], parts[taken[each][0]].info.started_at - begun) for each in order)
    missing = missing_parts(parts)
    return Merged(
        RunRecord(
            info=_info(parts, run_id, begun),
            jobs=records,
            notes=(*_notes(parts), *_warnings(missing)),
            duration_s=max(each.info.started_at + _went_on_s(each) for each in parts) - begun,
            status=_status(parts, records, incomplete=bool(missing)),
            images=tuple({(each.digest, each.distro): each for part in parts for each in part.images}.values()),
            samples=_samples(parts, begun),
        ),
        tuple(taken[each][0] for each in order),
    )


def _by_job(parts: Sequence[RunRecord]) -> dict[str, list[tuple[int, JobRecord]]]:
    found: dict[str, list[tuple[int, JobRecord]]] = {}
    for number, part in enumerate(parts):
        for record in part.jobs:
            found.setdefault(record.job.id, []).append((number, record))
    return found


def _results(found: list[tuple[int, JobRecord]]) -> list[tuple[int, JobRecord]]:
    """Those that are results, where there are any; else those that were cancelled; else all."""
    for no_result in ((None, Outcome.CANCELLED), (None,)):
        results = [each for each in found if each[1].outcome not in no_result]
        if results:
            return results
    return found


def _told(parts: Sequence[RunRecord], found: Iterable[tuple[int, JobRecord]]) -> str:
    return ", ".join(f"{record.outcome} in {line(parts[number].info.id)}" for number, record in found)


def _ended_at(part: RunRecord, record: JobRecord) -> float:
    ends = [each.started_at + each.setup_s + each.duration_s for each in record.attempts]
    return max(ends, default=part.info.started_at)


def _place(record: JobRecord) -> tuple[tuple[tuple[int, str], ...], ...]:
    return _natural(record.job.where), _natural(record.job.id)


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """In which 9 comes before 10."""
    return tuple((int(each), "") if each.isdecimal() else (-1, each) for each in _PIECE.split(text))


def _later(record: JobRecord, by_s: float) -> JobRecord:
    """Its attempts began so much later after the whole run's beginning than after that of its part."""

    def moved(attempt: Attempt) -> Attempt:
        return attempt if attempt.began_s is None else replace(attempt, began_s=attempt.began_s + by_s)

    return replace(record, attempts=tuple(map(moved, record.attempts)))


def _samples(parts: Sequence[RunRecord], begun: float) -> tuple[Sample, ...]:
    """Of one host those of all parts; of several none, for there is no host that they would be of."""
    if len({each.info.hostname for each in parts}) > 1:
        return ()
    found = [replace(each, at_s=each.at_s + part.info.started_at - begun) for part in parts for each in part.samples]
    return tuple(sorted(found, key=lambda each: each.at_s))


def _went_on_s(part: RunRecord) -> float:
    return part.duration_s if part.duration_s is not None else went_on_s(part)


def _info(parts: Sequence[RunRecord], run_id: str, begun: float) -> RunInfo:
    infos = [each.info for each in parts]
    hosts = {each.hostname: each for each in infos}.values()
    several = len(hosts) > 1
    warnings = (f"{each.hostname}: {text}" if several else text for each in infos for text in each.warnings)
    return replace(
        infos[0],
        id=run_id,
        started_at=begun,
        farm_version=_each(each.farm_version for each in infos),
        hostname=_each(each.hostname for each in infos),
        kernel=_each(each.kernel for each in infos),
        host_name=_each(each.host_name for each in infos),
        cpus=sum(each.cpus for each in hosts),
        memory_bytes=sum(each.memory_bytes for each in hosts),
        cgroup=_each(each.cgroup for each in infos),
        user_namespace=all(each.user_namespace for each in infos),
        seccomp=all(each.seccomp for each in infos),
        warnings=tuple(dict.fromkeys(warnings)),
        command_line=("farm", "merge", *(each.id for each in infos)),
        asked=replace(
            infos[0].asked, shard=None, fail_on_flaky=any(each.asked.fail_on_flaky for each in infos), baseline=None
        ),
    )


def _each(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, texts)))


def missing_parts(parts: Sequence[RunRecord]) -> list[str]:
    """The parts I/N that nobody named, where all are such parts of equally many."""
    shards = [each.info.asked.shard for each in parts]
    known = [each for each in shards if each is not None]
    if len(known) < len(shards) or len({each.total for each in known}) != 1:
        return []
    total = known[0].total
    return [f"{index + 1}/{total}" for index in sorted(set(range(total)) - {each.index for each in known})]


def _notes(parts: Sequence[RunRecord]) -> list[tuple[str, str]]:
    told = ", ".join(f"{each.info.id} on {each.info.hostname}" for each in parts)
    came = {f"{each.index + 1}/{each.total}" for part in parts if (each := part.info.asked.shard) is not None}
    before = [
        (kind, f"{each.info.id}: {text}")
        for each in parts
        for kind, text in each.notes
        if not (text.startswith(_MISSING) and set(_SHARD.findall(text)) <= came)
    ]
    return [("merged", told), *before]


def _warnings(missing: Sequence[str]) -> list[tuple[str, str]]:
    return [("merged", f"{_MISSING} {', '.join(missing)}; their jobs were not run")] if missing else []


def _status(parts: Sequence[RunRecord], records: Sequence[JobRecord], *, incomplete: bool) -> Status:
    outcomes = [each.outcome for each in records]
    open_ = None in outcomes or Outcome.CANCELLED in outcomes
    return status(
        outcomes,
        incomplete,
        deadline=open_ and any(each.status == Status.DEADLINE for each in parts),
        fail_on_flaky=any(each.info.asked.fail_on_flaky for each in parts),
        spare=not records,
    )
