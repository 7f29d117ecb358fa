"""What the failures of a run have in common, and which facts and axes explain them; docs/attribution.md defines all of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from itertools import combinations

from farm.model.outcome import Outcome
from farm.model.run import RunRecord
from farm.report import words
from farm.report.findings import CLAIM, Cause, Group
from farm.report.fisher import log_tail
from farm.report.signature import Signature, Signatures
from farm.report.text import line
from farm.report.traits import Trait, Traits, as_set
from farm.values import dataclass

_EXPLAINED = 100
"""Groups that causes are looked for, the largest first: what comes after them is odd ones, and each costs milliseconds."""
_NOT_LOOKED_AT = f"causes are looked for in the {_EXPLAINED} largest groups only"
_CAUSES = 3
_PAIRED = 12
_CLEARLY = 2.0
"""How much greater the score of two facts together has to be than that of one: a hundred times less likely by chance."""
_ODDS = 3
"""How many times as great a fact makes the odds of a failure, at least: less is of no use to whoever looks for a cause."""
_NAMED = 3

_GOOD = frozenset({Outcome.PASSED, Outcome.FLAKY})
_OTHERS = {
    Outcome.XPASSED: frozenset({Outcome.XFAILED}),
    Outcome.ERROR: frozenset(Outcome) - {Outcome.ERROR, Outcome.CANCELLED},
}
"""The outcomes of jobs that a group is compared with, where those are not the good ones."""


def groups(record: RunRecord, run_dir: str) -> tuple[Group, ...]:
    """The bad jobs by outcome and signature, the largest group first; logs' ends are read below ``run_dir``."""
    signatures = Signatures(record.jobs, run_dir)
    found: dict[tuple[Outcome, str], tuple[Signature, list[int]]] = {}
    for number, each in enumerate(record.jobs):
        if each.outcome is not None and each.outcome.bad:
            told = signatures.of(each)
            found.setdefault((each.outcome, told.text), (told, []))[1].append(number)
    if not found:
        return ()
    ordered = sorted(found.items(), key=lambda item: (-len(item[1][1]), item[1][1][0]))
    run = _Run(record)
    return tuple(
        run.group(outcome, told, jobs)
        if place < _EXPLAINED
        else Group(told.text, told.example, tuple(jobs), note=_NOT_LOOKED_AT)
        for place, ((outcome, _), (told, jobs)) in enumerate(ordered)
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A set of jobs that one or two facts single out, the most general of them first."""

    traits: tuple[Trait, ...]
    jobs: int
    score: float
    same: tuple[Trait, ...] = ()


class _Run:
    """The sets of a run's jobs that every group needs."""

    def __init__(self, record: RunRecord) -> None:
        self._jobs = record.jobs
        self._traits = Traits(record)
        by_test: dict[str, list[int]] = {}
        by_outcome: dict[Outcome, list[int]] = {}
        for number, each in enumerate(record.jobs):
            by_test.setdefault(each.job.test, []).append(number)
            if each.outcome is not None and each.attempts:  # one that had no container says nothing of its distro
                by_outcome.setdefault(each.outcome, []).append(number)
        total = len(record.jobs)
        self._tests = {test: as_set(numbers, total) for test, numbers in by_test.items()}
        self._ended = {outcome: as_set(numbers, total) for outcome, numbers in by_outcome.items()}

    def group(self, outcome: Outcome, told: Signature, jobs: list[int]) -> Group:
        bad = as_set(jobs, len(self._jobs))
        others = _union(self._ended.get(each, 0) for each in _OTHERS.get(outcome, _GOOD))
        tests = dict.fromkeys(self._jobs[number].job.test for number in jobs)
        compared = [test for test in tests if self._tests[test] & others]
        everywhere = [test for test in tests if not self._tests[test] & others]
        population = _union(self._tests[test] for test in compared) & (bad | others)
        causes, note = _causes(_Compared(bad & population, population), self._traits)
        if everywhere:
            told_so = self._everywhere(everywhere, jobs, more=bool(compared))
            note = f"{note}; {told_so}" if note else told_so
        return Group(told.text, told.example, tuple(jobs), causes, note)

    def _everywhere(self, tests: list[str], group: list[int], *, more: bool) -> str:
        """That no job of ``tests`` is there to compare with; ``more`` failures of the group are of other tests."""
        these = frozenset(tests)
        jobs = [self._jobs[number].job for number in group if self._jobs[number].job.test in these]
        count = len(jobs)
        named = ", ".join(map(line, tests[:_NAMED])) + (f" and {len(tests) - _NAMED} more" if tests[_NAMED:] else "")
        if more:
            return f"{words.count(count, 'failure is', 'failures are')} of tests that fail everywhere: {named}"
        if count == 1:
            return f"nothing to compare with: no other job of {named} came to an end"
        where = words.count(len({job.distro for job in jobs}), "distro", "distros")
        return f"fails everywhere: {words.count(count, 'job', 'jobs')} on {where}, and none of {named} was good"


class _Compared:
    """``bad`` jobs in a ``population`` of them and others, and how well other sets of jobs in it go with them."""

    def __init__(self, bad: int, population: int) -> None:
        self.bad = bad
        self.population = population
        self.all_bad = bad.bit_count()
        self.total = population.bit_count()

    def without(self, jobs: int) -> _Compared:
        """The rest, where ``jobs`` are explained."""
        return _Compared(self.bad & ~jobs, self.population & ~jobs)

    def goes_with(self, jobs: int) -> bool:
        """Whether the odds of a failure are ``_ODDS`` times as great in ``jobs`` as outside, or more."""
        bad_with = (jobs & self.bad).bit_count()
        good_with = jobs.bit_count() - bad_with
        bad_without = self.all_bad - bad_with
        good_without = self.total - self.all_bad - good_with
        return bad_with * good_without > 0 and bad_with * good_without >= _ODDS * good_with * bad_without

    def score(self, jobs: int, tried: int) -> float:
        """-log10 of how likely one of ``tried`` facts goes with them as well as ``jobs`` by chance; below 0: it is expected."""
        tail = log_tail((jobs & self.bad).bit_count(), jobs.bit_count(), self.all_bad, self.total)
        return -(tail + math.log(tried)) / math.log(10)


def _causes(compared: _Compared, traits: Traits) -> tuple[tuple[Cause, ...], str]:
    """What explains the failures, then what explains those of them that this does not; a sentence where nothing does."""
    causes: list[Cause] = []
    while compared.bad and len(causes) < _CAUSES:
        best, why_not = _best(compared, traits)
        if best is None or (causes and best.score < CLAIM):
            return tuple(causes), "" if causes else why_not
        causes.append(_cause(best, compared, rest=bool(causes)))
        compared = compared.without(best.jobs)
    return tuple(causes), ""


def _best(compared: _Compared, traits: Traits) -> tuple[_Found | None, str]:
    """What goes with the failures best; nothing, and a sentence, where it could be chance and is no clean cut."""
    cuts: dict[int, list[Trait]] = {}
    for trait, jobs in traits.among(compared.population):
        cuts.setdefault(jobs, []).append(trait)
    found = []
    for jobs, alike in cuts.items():
        if compared.goes_with(jobs):
            alike.sort(key=lambda each: (each.rank, each.text))
            found.append(_Found((alike[0],), jobs, compared.score(jobs, len(cuts)), tuple(alike[1:])))
    found.sort(key=lambda each: (-each.score, each.traits[0].rank, each.traits[0].text))
    if found and found[0].jobs != compared.bad:
        pairs = _pairs(found[:_PAIRED], compared, cuts)
        if pairs and pairs[0].score >= max(CLAIM, found[0].score + _CLEARLY):
            found.insert(0, pairs[0])
    if found and (found[0].score >= CLAIM or found[0].jobs == compared.bad):
        return found[0], ""
    few = words.count(compared.all_bad, "failure", "failures")
    others = words.count(compared.total - compared.all_bad, "other", "others")
    if compared.score(compared.bad, max(1, len(cuts))) < CLAIM:
        return None, f"too few to tell: {few}, {others}"
    return None, f"no fact or axis tells the {few} from the {others}"


def _pairs(found: list[_Found], compared: _Compared, cuts: Collection[int]) -> list[_Found]:
    """Two facts together, each of which goes with the failures alone; corrected for all pairs that there are."""
    tried = len(cuts) + len(cuts) * (len(cuts) - 1) // 2
    pairs: dict[int, _Found] = {}
    for first, second in combinations(found, 2):
        jobs = first.jobs & second.jobs
        if jobs not in cuts and jobs not in pairs and compared.goes_with(jobs):
            traits = tuple(sorted((*first.traits, *second.traits), key=lambda each: (each.rank, each.text)))
            pairs[jobs] = _Found(traits, jobs, compared.score(jobs, tried))
    return sorted(pairs.values(), key=lambda each: (-each.score, [one.rank for one in each.traits]))


def _cause(found: _Found, compared: _Compared, *, rest: bool) -> Cause:
    *before, last = found.traits
    text = " and ".join(each.text for each in found.traits)
    bad_with, all_with = (found.jobs & compared.bad).bit_count(), found.jobs.bit_count()
    all_bad, total = compared.all_bad, compared.total
    many = f"{'all' if bad_with == all_bad else f'{bad_with} of'} {all_bad} failures have"
    only = "".join(f" (only {each.value})" for each in found.same if each.is_distro)
    others = words.count(total - all_bad, "other does", "others do")
    said = f"{many if all_bad > 1 else 'the failure has'} {text}{only}; {all_with - bad_with} of {others}"
    if rest:
        said = f"of the rest, {said}"
    if found.score < CLAIM:
        said += "; too few to tell"
    name = " and ".join([*(each.text for each in before), last.name])
    counts = (bad_with, all_with, all_bad - bad_with, total - all_with)
    same = tuple(each.text for each in found.same)
    return Cause(name, last.value, *counts, score=max(0.0, round(found.score, 3)), sentence=said, same=same)


def _union(sets: Iterable[int]) -> int:
    found = 0
    for each in sets:
        found |= each
    return found
