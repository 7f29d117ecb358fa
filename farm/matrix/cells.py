"""Which jobs a test has: distros crossed with axes, without what is excluded, with what is included, in shards. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from farm.matrix.cascade import spec
from farm.matrix.document import Exclude, Include, Spec, Test
from farm.matrix.ids import axis_part, job_id
from farm.matrix.source import Place
from farm.model.rules import Shard
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One job before its texts are rendered; ``includes`` are the numbers of those that have something to say to it."""

    id: str
    distro: str
    axes: tuple[tuple[str, str], ...]
    includes: tuple[int, ...] = ()
    shard: Shard | None = None


class Specs:
    """What the cells of one test are, made once for all to which the same includes apply."""

    def __init__(self, test: Test) -> None:
        self._test = test
        self._made: dict[tuple[int, ...], Spec] = {}

    def of(self, includes: tuple[int, ...]) -> Spec:
        found = self._made.get(includes)
        if found is None:
            found = self._made[includes] = spec(self._test, includes)
        return found


def most(test: Test, specs: Specs) -> int:
    """How many jobs ``test`` has, when nothing is excluded."""
    crossed = len(test.distros) * math.prod(len(axis.values) for axis in test.axes) if test.crossed else 0
    added = sum(len(include.distros) for include in test.includes if include.whole)
    shards = max([specs.of(()).shards, *(specs.of((each,)).shards for each in range(len(test.includes)))])
    return (crossed + added) * shards


def cells(test: Test, specs: Specs, report: Callable[[Place, str, str], None]) -> list[Cell]:
    """Those of ``test``: the distro first, then the axes, the last axis fastest, shards last; then what ``include`` adds.

    ``report`` hears of includes that add what is there, or change nothing.
    """
    parts = _Parts()
    found: dict[str, Cell] = {}
    changed: set[int] = set()
    for distro, axes, place, number in _combinations(test):
        said = applying(test, distro, axes)
        changed.update(said)
        total = specs.of(said).shards
        for index in range(total):
            shard = Shard(index, total) if total > 1 else None
            identity = job_id(test.name, distro, parts.of(axes, shard))
            if identity not in found:
                found[identity] = Cell(identity, distro, axes, said, shard)
            elif number is None or not test.includes[number].layer:
                report(place, f"the job {identity} is there already", "remove this cell or change one of its values")
    for number, include in enumerate(test.includes):
        if not include.whole and include.distros and number not in changed:
            report(include.place, "this include changes nothing: there is no such cell", "change one of its values")
    return list(found.values())


def applying(test: Test, distro: str, axes: Sequence[tuple[str, str]]) -> tuple[int, ...]:
    """The numbers of the includes of ``test`` that have something to say to a cell."""
    if not test.includes:
        return ()
    values = dict(axes)
    return tuple(
        number
        for number, include in enumerate(test.includes)
        if include.layer and distro in include.distros and _agrees(include.values, values)
    )


def excluded(test: Test, distro: str, values: dict[str, str]) -> bool:
    """Whether ``exclude`` took a cell that would be there, on ``distro`` with ``values`` for some axes or all."""
    there = distro in test.distros and all(
        values.get(axis.name, axis.values[0].text) in [value.text for value in axis.values] for axis in test.axes
    )
    return test.crossed and there and bool(test.excludes)


def _combinations(test: Test) -> Iterator[tuple[str, tuple[tuple[str, str], ...], Place, int | None]]:
    """Distro, axes and place of each cell, and the number of the include that adds it; those twice that are there twice."""
    columns = [[(axis.name, value.text) for value in axis.values] for axis in test.axes]
    combined = list(itertools.product(*columns)) if test.crossed else []  # made once for all distros
    for distro in test.distros:
        excludes = [exclude for exclude in test.excludes if exclude.distros is None or distro in exclude.distros]
        for axes in combined:
            if not excludes or not _excluded(excludes, dict(axes)):
                yield distro, axes, test.place, None
    for number, include in enumerate(test.includes):
        for distro in include.distros if include.whole else ():
            yield distro, _in_order(test, include), include.place, number


def _in_order(test: Test, include: Include) -> tuple[tuple[str, str], ...]:
    values = dict(include.values)
    return tuple((name, values.get(name, "")) for name in test.axis_names)


def _agrees(wanted: Iterable[tuple[str, str]], values: dict[str, str]) -> bool:
    return all(values.get(name) == value for name, value in wanted)


def _excluded(excludes: Iterable[Exclude], cell: dict[str, str]) -> bool:
    return any(_agrees(exclude.values, cell) for exclude in excludes)


class _Parts:
    """The parts of ids, escaped once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def of(self, axes: Iterable[tuple[str, str]], shard: Shard | None) -> list[str]:
        parts = [self._part(pair) for pair in axes]
        if shard is not None:
            parts.append(f"shard={shard.index + 1}of{shard.total}")
        return parts

    def _part(self, pair: tuple[str, str]) -> str:
        part = self._known.get(pair)
        if part is None:
            part = self._known[pair] = axis_part(*pair)
        return part
