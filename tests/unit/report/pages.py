"""Runs with everything that ``index.html`` can show: times, images, samples, a history, groups of failures."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

from farm.model.distro import Facts
from farm.model.memory import Change, JobMemory, Memory, PastResult
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord, Sample, UsedImage
from farm.report import html
from farm.report.findings import Cause, Group
from tests.unit.report.runs import DISTROS, mixed

_SLOTS = 16
_RUNS = 12
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Shown:
    """What ``html.render`` is given."""

    record: RunRecord
    memory: Memory
    groups: tuple[Group, ...]


def rich(
    run_dir: Path, tests: int, *, axis: int = 1, distros: tuple[str, ...] = DISTROS, bad: int = 20, logged: bool = True
) -> Shown:
    """``mixed`` as it would be with a history, on a host that was looked at while it ran."""
    record = mixed(run_dir, tests, axis=axis, distros=distros, bad=bad, logged=logged)
    dice = random.Random(11)  # seeded: the same run every time
    images = tuple(_image(number, distro) for number, distro in enumerate(distros))
    jobs = _scheduled(record.jobs, {each.distro: each.digest for each in images}, dice)
    ended_s = max((each.began_s or 0.0) + each.duration_s for job in jobs for each in job.attempts)
    samples = tuple(
        Sample(at_s, dice.random(), (8 + number % 9) * 1024 * _MIB, _SLOTS, max(0, int(ended_s - at_s)))
        for number, at_s in enumerate(ended_s * each / 200 for each in range(200))
    )
    shown = replace(record, jobs=jobs, images=images, samples=samples, duration_s=ended_s)
    return Shown(shown, _memory(jobs, dice), _groups(jobs))


def write(folder: Path, shown: Shown) -> Path:
    """The page of a run whose logs are in ``folder``."""
    path = folder / "index.html"
    with open(path, "wb") as file:
        file.writelines(html.render(shown.record, str(folder), shown.memory, shown.groups))
    return path


def _image(number: int, distro: str) -> UsedImage:
    musl = distro.startswith("alpine")
    facts = Facts(
        distro.split("-")[0], "1", distro.replace("-", " ").title(), "", "", "musl" if musl else "glibc", "2.3"
    )
    return UsedImage(f"{number:x}" * 64, distro, f"tarball /srv/images/{distro}.tar.zst", facts)


def _scheduled(jobs: tuple[JobRecord, ...], digests: dict[str, str], dice: random.Random) -> tuple[JobRecord, ...]:
    """Each attempt in the slot that is free first; a job in four needs the one before it."""
    free_s = [0.0] * _SLOTS
    found: list[JobRecord] = []
    for number, each in enumerate(jobs):
        needs = (jobs[number - 1].job.id,) if number % 4 == 3 else ()
        attempts = []
        for attempt in each.attempts:
            slot = free_s.index(min(free_s))
            began_s = free_s[slot]
            free_s[slot] += attempt.setup_s + attempt.duration_s
            image = digests[each.job.distro]
            attempts.append(replace(attempt, began_s=began_s, waited_s=began_s * dice.random(), image=image))
        found.append(
            replace(
                each, job=replace(each.job, needs=needs, tags=("fast", "net")[number % 2 :]), attempts=tuple(attempts)
            )
        )
    return tuple(found)


def _memory(jobs: tuple[JobRecord, ...], dice: random.Random) -> Memory:
    known = {}
    for each in jobs:
        was_bad = dice.random() < 0.05
        trend = tuple(
            PastResult(
                f"2026010{number % 9 + 1}T0304{number:02d}Z-{number:04x}",
                1_767_000_000.0 + 3600 * number,
                Outcome.FAILED if was_bad and number > 7 else Outcome.PASSED,
                5 + dice.random() * 10,
            )
            for number in range(_RUNS)
        )
        bad = each.outcome is not None and each.outcome.bad
        change = {(True, True): Change.STILL, (True, False): Change.NEW, (False, True): Change.FIXED}.get(
            (bad, was_bad)
        )
        since = (trend[8].run if was_bad else "20260102T030405Z-3f2a") if bad else ""
        known[each.job.id] = JobMemory(trend, change, since, 0.2 if was_bad else 0.0)
    return Memory("20260101T030411Z-000b", known)


def _groups(jobs: tuple[JobRecord, ...]) -> tuple[Group, ...]:
    """A group for each outcome that is bad."""
    found = []
    for outcome in (each for each in Outcome if each.bad):
        numbers = tuple(number for number, each in enumerate(jobs) if each.outcome is outcome)
        if not numbers:
            continue
        on_alpine = sum(jobs[number].job.distro.startswith("alpine") for number in numbers)
        cause = Cause(
            "libc", "musl", on_alpine, len(jobs) // 9 + 1, len(numbers) - on_alpine, len(jobs), 0.5,
            f"{on_alpine} of {len(jobs) // 9 + 1} jobs with libc = musl; {len(numbers) - on_alpine} of {len(jobs)} others",
        )  # fmt: skip
        found.append(Group(f"test_parse.c:N: {outcome}", f"test_parse.c:214: {outcome}: `x' failed", numbers, (cause,)))
    return tuple(sorted(found, key=lambda each: -len(each.jobs)))
