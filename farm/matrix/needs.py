"""``needs``: from what a file says of tests to the ids of jobs. Pure.

A job needs those jobs of the other test that agree with it: in the distro, unless another is named, and in every axis that
both tests have, unless another value is named. An axis that only the other one has makes it need all its values, and so do
shards. What ``exclude`` took away, and what is skipped before the run, skips the jobs that need it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from farm.matrix.cells import Cell, excluded
from farm.matrix.check import nearest
from farm.matrix.document import Need, Spec, Test
from farm.matrix.source import Place
from farm.model.job import Job

_Index = dict[tuple[str, ...], tuple[str, ...]]
Report = Callable[[Place, str, str], None]


@dataclass(slots=True)
class Group:
    """A test with its cells, and their ids by distro and the values of some axes."""

    test: Test
    cells: Sequence[Cell]
    _indexes: dict[tuple[str, ...], _Index] = field(default_factory=dict)

    def ids(self, distro: str, axes: Mapping[str, str]) -> tuple[str, ...]:
        """The jobs on ``distro`` with these values of axes."""
        names = tuple(sorted(axes))
        if names not in self._indexes:
            index: dict[tuple[str, ...], list[str]] = {}
            for cell in self.cells:
                values = dict(cell.axes)
                index.setdefault((cell.distro, *(values[name] for name in names)), []).append(cell.id)
            self._indexes[names] = {key: tuple(ids) for key, ids in index.items()}
        return self._indexes[names].get((distro, *(axes[name] for name in names)), ())


@dataclass(frozen=True, slots=True)
class Found:
    """What a job needs: ids, or why it is skipped instead."""

    ids: tuple[str, ...] = ()
    skipped: str = ""


NOTHING = Found()


class Needs:
    """Finds what jobs need among ``groups``, by names of tests; each error is reported once, with the first job it is of."""

    def __init__(self, groups: Mapping[str, Group], report: Report, unsound: Collection[str] = ()) -> None:
        self._groups = groups
        self._unsound = unsound
        self._report = report
        self._said: set[Place] = set()
        self._known: dict[object, Found] = {}
        self.places: dict[tuple[str, str], Place] = {}

    def of(self, test: Test, spec: Spec, cell: Cell) -> Found:
        """Those of ``cell``, which is one of ``test`` and is ``spec``."""
        if not spec.needs:
            return NOTHING
        key = test.name, spec.needs, cell.distro, cell.axes
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._find(test, spec, cell)
        return found

    def _find(self, test: Test, spec: Spec, cell: Cell) -> Found:
        ids: dict[str, None] = {}
        for need in spec.needs:
            group = self._groups.get(need.job)
            if group is None:
                if need.job in self._unsound:
                    continue
                self._once(
                    need.place, f"no job is called {need.job!r}", nearest(need.job, (*self._groups, *self._unsound))
                )
                continue
            self.places.setdefault((test.name, need.job), need.place)
            axes = self._axes(need, cell, group.test)
            if axes is None:
                continue
            distros = (cell.distro,) if need.distros is None else need.distros
            found = {distro: group.ids(distro, axes) for distro in distros}
            ids.update(dict.fromkeys(itertools.chain.from_iterable(found.values())))
            if need.some and any(found.values()):
                continue
            for distro in (each for each, there in found.items() if not there):
                called = _called(need.job, distro, axes)
                if excluded(group.test, distro, axes):
                    return Found(skipped=f"needs {called}, which exclude leaves out")
                self._absent(need, cell, called)
        return Found(tuple(ids))

    def _axes(self, need: Need, cell: Cell, other: Test) -> dict[str, str] | None:
        """The values of axes that a needed job has; None where one cannot be."""
        for name, value in need.values:
            if name not in other.axis_names:
                known = ["distro", *other.axis_names]
                self._once(need.place, f"the job {need.job!r} has no axis {name!r}", nearest(name, known))
                return None
            values = _values(other, name)
            if value not in values:
                remedy = nearest(value, values)
                self._once(need.place, f"the axis {name!r} of the job {need.job!r} has no value {value!r}", remedy)
                return None
        return {name: value for name, value in cell.axes if name in other.axis_names} | dict(need.values)

    def _absent(self, need: Need, cell: Cell, called: str) -> None:
        remedy = f"name another one: {{job: {need.job}, distro: ...}}, or change where they run"
        self._once(need.place, f"{cell.id} needs {called}, and there is no such job", remedy)

    def _once(self, place: Place, message: str, remedy: str) -> None:
        if place not in self._said:
            self._said.add(place)
            self._report(place, message, remedy)


def circles(jobs: Sequence[Job]) -> Iterator[tuple[str, ...]]:
    """Ids of jobs that need each other in a circle, the first one again at the end; one circle for each set of tests."""
    needs = {job.id: job.needs for job in jobs if job.needs}
    tests = {job.id: job.test for job in jobs}
    done: set[str] = set()
    told: set[frozenset[str]] = set()
    for start in needs:
        path: list[str] = []
        on_path: dict[str, int] = {}
        ahead: list[Iterator[str]] = [iter((start,))]
        while ahead:
            found = next(ahead[-1], None)
            if found is None:
                ahead.pop()
                if path:
                    last = path.pop()
                    del on_path[last]
                    done.add(last)
            elif found in on_path:
                circle = (*path[on_path[found] :], found)
                together = frozenset(tests[each] for each in circle)
                if together not in told:
                    told.add(together)
                    yield circle
            elif found not in done and found in needs:
                on_path[found] = len(path)
                path.append(found)
                ahead.append(iter(needs[found]))


def skipped_with(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """``jobs``, those skipped as well that need one that is skipped before the run."""
    reasons = {job.id: job.condition for job in jobs if job.condition and not job.late}
    while True:
        more = {
            job.id: f"needs {need}, which is skipped: {reasons[need]}"
            for job in jobs
            if job.needs and job.id not in reasons
            for need in job.needs[::-1]
            if need in reasons
        }
        if not more:
            break
        reasons |= more
    return tuple(
        replace(job, condition=reasons[job.id], late=False) if job.id in reasons and job.needs else job for job in jobs
    )


def _values(test: Test, axis: str) -> list[str]:
    values = [value.text for each in test.axes if each.name == axis for value in each.values]
    return list(
        dict.fromkeys([*values, *(value for each in test.includes for name, value in each.values if name == axis)])
    )


def _called(job: str, distro: str, axes: Mapping[str, str]) -> str:
    shown = ",".join(f"{name}={value}" for name, value in axes.items())
    return f"{job}/{distro}[{shown}]" if shown else f"{job}/{distro}"
