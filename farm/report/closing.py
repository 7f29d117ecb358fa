"""The last words of a run on a terminal: distro by outcome, each failure with the end of its log, what they have in common,
the verdict. Pure but for the logs it reads.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from farm.model.memory import NO_MEMORY, Change, JobMemory, Memory
from farm.model.outcome import Outcome
from farm.model.run import BUILD_NOTE, JobRecord, RunInfo, RunRecord
from farm.report import summary, words
from farm.report.findings import Group
from farm.report.logs import tail
from farm.report.repro import here, repro
from farm.report.text import line, paragraph
from farm.schedule.repeat import first_id
from farm.units import format_duration

_LOG_LINES = 10
_LONG_FAILURES = 20  # failures shown with their logs; a hundred of those help nobody, the page has them all
_NAMES = 5
_COMMON = 3
_SIGNATURE = 60
_RED, _GREEN, _YELLOW = 31, 32, 33


def closing(
    record: RunRecord,
    run_dir: str,
    memory: Memory = NO_MEMORY,
    groups: Sequence[Group] = (),
    *,
    colour: bool = False,
    only_bad: bool = False,
) -> str:
    """Paragraphs without a newline at their end; empty if ``only_bad`` and all is good."""
    status = summary.status_of(record)
    if only_bad and status is summary.Status.GOOD:
        return ""
    bad = summary.failures(record.jobs)
    told = summary.alike(bad)
    parts = [] if only_bad else [_table(record)]
    at_length = _at_length(told, record, groups)
    parts += [_failure(record.info, told[at], run_dir, memory, colour=colour) for at in sorted(at_length)]
    parts.append(
        "\n".join(_headline(each, memory, colour=colour) for at, each in enumerate(told) if at not in at_length)
    )
    parts.append("\n".join(_common(groups)))
    parts.append("\n".join(_remarks(record, only_bad=only_bad)))
    parts.append(_verdict(record, status, len(bad), run_dir, memory, colour=colour))
    return "\n\n".join(part for part in parts if part)


def changed(memory: Memory) -> str:
    """``3 new, 1 fixed, 12 still failing, against 20260102T030405Z-3f2a``, which is the baseline; empty without one."""
    if not memory.baseline:
        return ""
    found = Counter(each.change for each in memory.jobs.values())
    new, fixed, still = (found[each] for each in (Change.NEW, Change.FIXED, Change.STILL))
    return f"{new} new, {fixed} fixed, {still} still failing, against {line(memory.baseline)}"


def painted(text: str, outcome: Outcome | None, *, colour: bool) -> str:
    """``text`` in the colour of ``outcome``, or as it is."""
    if not colour:
        return text
    number = _YELLOW if outcome is None else _RED if outcome.bad else _GREEN if outcome.good else _YELLOW
    return f"\x1b[{number}m{text}\x1b[0m"


def _table(record: RunRecord) -> str:
    # Not above: nothing before the end of a run needs it.
    import tabulate

    distros: dict[str, list[JobRecord]] = {}
    for job in record.jobs:
        distros.setdefault(job.job.distro, []).append(job)
    if not distros:
        return ""
    used = sorted(summary.counts(record.jobs), key=lambda outcome: outcome.bad)
    unfinished = any(job.outcome is None for job in record.jobs)
    rows = []
    for distro, jobs in sorted(distros.items(), key=lambda item: len(summary.failures(item[1]))):
        found = summary.counts(jobs)
        missing = sum(job.outcome is None for job in jobs) or ""
        rows.append([line(distro), *(found.get(outcome, "") for outcome in used), *([missing] if unfinished else [])])
    headers = ["distro", *used, *(["not run"] if unfinished else [])]
    aligned = ["left", *["right"] * (len(headers) - 1)]
    return tabulate.tabulate(rows, headers, tablefmt="simple", colalign=aligned, disable_numparse=True)


def _headline(group: tuple[JobRecord, ...], memory: Memory, *, colour: bool) -> str:
    first = group[0]
    outcome = first.outcome or Outcome.ERROR
    told = words.told(first.reason, first.attempts[-1] if first.attempts else None)
    names = line(first.job.id) if len(group) == 1 else words.count(len(group), "job", "jobs")
    word = painted(outcome.value, outcome, colour=colour)
    return f"{word} {names}{_against(group, memory)}{': ' if told else ''}{line(told)}"


def _against(group: tuple[JobRecord, ...], memory: Memory) -> str:
    """`` (new)`` where the baseline had all of them good; of one that is bad for longer, since when."""
    known = [memory.jobs.get(first_id(each.job.id), JobMemory()) for each in group]
    if all(each.change is Change.NEW for each in known):
        return " (new)"
    if len(known) == 1 and known[0].change is Change.STILL and known[0].since:
        return f" (since {line(known[0].since)})"
    return ""


def _at_length(told: Sequence[tuple[JobRecord, ...]], record: RunRecord, groups: Sequence[Group]) -> frozenset[int]:
    """Which of ``told`` are shown with their logs: one of each group first, then a second of each, and so on."""
    if len(told) <= _LONG_FAILURES:
        return frozenset(range(len(told)))
    places = {record.jobs[number].job.id: place for each in groups for place, number in enumerate(each.jobs)}
    ranked = sorted(range(len(told)), key=lambda at: places.get(told[at][0].job.id, 0))
    return frozenset(ranked[:_LONG_FAILURES])


def _failure(info: RunInfo, group: tuple[JobRecord, ...], run_dir: str, memory: Memory, *, colour: bool) -> str:
    lines = [_headline(group, memory, colour=colour)]
    if len(group) > 1:
        return "\n".join([*lines, f"    {_names(group)}"])
    attempts = group[0].attempts
    if attempts and attempts[-1].log_path and attempts[-1].log_bytes:
        path = attempts[-1].log_path
        log = tail(run_dir, path, _LOG_LINES).text
        lines += [f"    {each}" for each in log.split("\n") if each]
        lines.append(f"  log: {line(os.path.join(run_dir, path))}")
    lines.append(f"  again: {line(repro(info, group[0].job, directory=here()))}")
    return "\n".join(lines)


def _common(groups: Sequence[Group]) -> list[str]:
    """What explains the largest groups of failures; of a single one that could be chance nothing is said."""
    told = [each for each in groups if each.causes and (each.causes[0].is_sure or each.jobs[1:])]
    return [f"common: {each.causes[0].sentence}: {_short(each.signature)}" for each in told[:_COMMON]]


def _short(text: str) -> str:
    return text if len(text) <= _SIGNATURE else f"{text[: _SIGNATURE - 1]}…"


def _remarks(record: RunRecord, *, only_bad: bool) -> list[str]:
    """What the reader of a good verdict has to know too: isolation that was missing or given up, and the run's notes.

    A log that was shown when it came to be is not shown again: its jobs are among the failures, with its path.
    """
    found = [f"warning: {line(text)}" for text in words.weaknesses(record.info)]
    found += [
        f"isolation opted out by {words.count(len(jobs), 'job', 'jobs')}, {line(asked)}: {_names(jobs)}"
        for asked, jobs in summary.weakened(record.jobs)
    ]
    notes = [each for each in record.notes if only_bad or each[0] != BUILD_NOTE]
    return found + [paragraph(f"{line(kind)}: {text}") for kind, text in notes]


def _names(records: tuple[JobRecord, ...]) -> str:
    more = f" and {len(records) - _NAMES} more" if len(records) > _NAMES else ""
    return ", ".join(line(each.job.id) for each in records[:_NAMES]) + more


def _verdict(record: RunRecord, status: summary.Status, bad: int, run_dir: str, memory: Memory, *, colour: bool) -> str:
    total = words.count(len(record.jobs), "job", "jobs")
    took = f" in {format_duration(record.duration_s)}" if record.duration_s is not None else ""
    said = f"{bad} of {total} bad" if bad else f"{total} good" if status is summary.Status.GOOD else total
    how = "" if status in (summary.Status.GOOD, summary.Status.BAD) else f", {_HOW[status]}"
    flaky = summary.counts(record.jobs).get(Outcome.FLAKY, 0)
    if flaky and record.info.asked.fail_on_flaky:
        said += f", {flaky} flaky (--fail-on-flaky)"
    outcome = (
        Outcome.FAILED
        if bad or status is summary.Status.BAD
        else Outcome.PASSED
        if status is summary.Status.GOOD
        else None
    )
    changes = f"{found}\n" if (found := changed(memory)) else ""
    return f"{painted(said + took + how, outcome, colour=colour)}\n{changes}report: {line(os.path.join(run_dir, 'index.html'))}"


_HOW = {
    summary.Status.INTERRUPTED: "interrupted",
    summary.Status.EMPTY: "nothing ran",
    summary.Status.INFRASTRUCTURE: "only the farm's own errors",
    summary.Status.DEADLINE: "the run's deadline passed",
    summary.Status.ABORTED: "the run broke before its end",
}
