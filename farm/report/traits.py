"""What jobs have that failures may go with: facts of their distros, values of their axes, tags. Pure.

A set of jobs is an integer here, with the bit 1 << n for the n-th of the run: sets of 10,000 jobs are cut and counted in a
microsecond.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from farm.model.distro import Facts
from farm.model.run import JobRecord, RunRecord
from farm.report.text import line

_NUMBER = re.compile(r"\d+")
_NARROW = re.compile(r"i[3-6]86|x86|armv[4-7]\w*|arm|mips(?:el)?|ppc|powerpc|s390|sparc|riscv32|m68k|sh4")

# Of facts that the same jobs have the first is the one to name: the more general, the more it explains.
_ORDER = (
    *("libc", "arch", "bits", "range", "axis", "family", "package_manager", "init", "id"),
    *("range of releases", "range of one", "release", "tag", "distro"),
)
_RANKS = {name: rank for rank, name in enumerate(_ORDER)}


@dataclass(frozen=True, slots=True)
class Trait:
    """``text`` says it: ``libc = musl``, ``glibc < 2.17``. The lower the ``rank``, the more general."""

    name: str
    value: str
    text: str
    rank: int

    @property
    def is_distro(self) -> bool:
        """It is the name of a distro, the least general."""
        return self.rank == len(_ORDER) - 1


@dataclass(slots=True)
class _Version:
    """One of a thing such as glibc: the ``jobs`` that have it, and the range that it bounds, of many versions and of one."""

    key: tuple[int, ...]
    below: tuple[Trait, Trait]
    from_it: tuple[Trait, Trait]
    jobs: int


class Traits:
    """Those of all jobs of a run."""

    def __init__(self, record: RunRecord) -> None:
        total = len(record.jobs)
        found: dict[tuple[str, str, str], int] = {}
        versions: dict[tuple[str, str], dict[tuple[int, ...], _Version]] = {}
        for (distro, facts), numbers in _places(record).items():
            jobs = as_set(numbers, total)
            for key in _of_distro(distro, facts):
                found[key] = found.get(key, 0) | jobs
            _add(versions, "range", facts.libc, facts.libc_version, jobs)
            _add(versions, "range of releases", facts.id, facts.version, jobs)
        own: dict[tuple[str, str, str], list[int]] = {}
        for number, each in enumerate(record.jobs):
            for name, value in each.job.axes:
                own.setdefault(("axis", name, value), []).append(number)
            for tag in each.job.tags:
                own.setdefault(("tag", "tag", tag), []).append(number)
        found |= {key: as_set(numbers, total) for key, numbers in own.items()}
        self._plain = [(_trait(kind, name, value), jobs) for (kind, name, value), jobs in found.items()]
        self._versions = [sorted(each.values(), key=lambda one: one.key) for each in versions.values()]

    def among(self, population: int) -> Iterator[tuple[Trait, int]]:
        """Those that some jobs of ``population`` have and others lack, with the set of the ones that have it."""
        for trait, jobs in self._plain:
            jobs &= population
            if jobs and jobs != population:
                yield trait, jobs
        for versions in self._versions:
            for trait, jobs in _ranges(versions, population):
                if jobs != population:
                    yield trait, jobs


def _ranges(versions: list[_Version], population: int) -> Iterator[tuple[Trait, int]]:
    """``glibc < 2.17``, ``glibc >= 2.17``: bounds are versions that jobs of ``population`` have."""
    there = [(each, jobs) for each in versions if (jobs := each.jobs & population)]
    everything = below = 0
    for _, jobs in there:
        everything |= jobs
    for count, (each, jobs) in enumerate(there):
        if count:
            yield each.below[count == 1], below
            yield each.from_it[count == len(there) - 1], everything & ~below
        below |= jobs


def _add(
    versions: dict[tuple[str, str], dict[tuple[int, ...], _Version]], kind: str, name: str, version: str, jobs: int
) -> None:
    key = tuple(map(int, _NUMBER.findall(version)))
    if not name or not key:
        return
    of_name = versions.setdefault((kind, name), {})
    if key in of_name:
        of_name[key].jobs |= jobs
    else:
        bounds = [tuple(_bound(each, name, sign, version) for each in (kind, "range of one")) for sign in ("<", ">=")]
        of_name[key] = _Version(key, (bounds[0][0], bounds[0][1]), (bounds[1][0], bounds[1][1]), jobs)


def _bound(kind: str, name: str, sign: str, version: str) -> Trait:
    return Trait(line(name), line(f"{sign} {version}"), line(f"{name} {sign} {version}"), _RANKS[kind])


def as_set(numbers: Iterable[int], total: int) -> int:
    """The set of jobs with ``numbers``, of a run of ``total``."""
    bits = bytearray(total // 8 + 1)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def _trait(kind: str, name: str, value: str) -> Trait:
    return Trait(line(name), line(value), line(f"{name} = {value}"), _RANKS[kind])


def _places(record: RunRecord) -> dict[tuple[str, Facts], list[int]]:
    """The jobs by distro and the facts of their image; of a job that never had one, those of its distro if they are known."""
    of_image = {each.digest: each.facts for each in record.images}
    of_distro = {each.distro: each.facts for each in reversed(record.images)}
    unknown = Facts()
    found: dict[tuple[str, Facts], list[int]] = {}
    by_place: dict[tuple[str, str], list[int]] = {}
    for number, each in enumerate(record.jobs):
        by_place.setdefault((each.job.distro, _image(each)), []).append(number)
    for (distro, image), numbers in by_place.items():
        facts = of_image.get(image) or of_distro.get(distro) or unknown
        found.setdefault((distro, facts), []).extend(numbers)
    return found


def _image(record: JobRecord) -> str:
    return record.attempts[-1].image if record.attempts else ""


def _of_distro(distro: str, facts: Facts) -> Sequence[tuple[str, str, str]]:
    release = f"{facts.id} {facts.version}" if facts.id and facts.version else ""
    named = (
        ("libc", facts.libc),
        ("arch", facts.arch),
        ("bits", _bits(facts.arch)),
        ("family", facts.family),
        ("package_manager", facts.package_manager),
        ("init", facts.init),
        ("id", facts.id),
        ("release", release),
        ("distro", distro),
    )
    return [(name, name, value) for name, value in named if value]


def _bits(arch: str) -> str:
    return "" if not arch else "32" if _NARROW.fullmatch(arch) else "64"
