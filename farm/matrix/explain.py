"""Why a job is there, and from which lines of its file each thing that it does comes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from farm.matrix.cells import applying
from farm.matrix.document import Matrix, Test
from farm.matrix.source import Place
from farm.model.job import Job
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """``because`` are (what, ``file:line:column``); ``places`` are those of keys, as in ``Layer``."""

    job: Job
    because: tuple[tuple[str, str], ...]
    places: Mapping[str, str]


def explain(matrix: Matrix, job: Job) -> Explanation:
    """Of ``job``, which ``expand`` made of ``matrix``."""
    (test,) = (each for each in matrix.tests if each.name == job.test)
    (distro,) = (each for each in matrix.distros if each.name == job.distro)
    where = matrix.source.where
    because = [(f"the job {test.name}", where(test.place)), (f"on the distro {distro.name}", distro.where)]
    numbers = applying(test, job.distro, job.axes)
    adding = _adding(test, job)
    if adding is None:
        because += [(f"with {name} {value}", where(place)) for name, value, place in _axis_places(test, job)]
    else:
        because.append(("an include adds it", where(test.includes[adding].place)))
    because += [
        (f"an include says {_said(test.includes[each].layer.places)} of it", where(test.includes[each].place))
        for each in numbers
    ]
    if job.shard is not None:
        because.append((f"part {job.shard.index + 1} of {job.shard.total}", ""))
    places: dict[str, Place] = {}
    for layer in (*test.layers, *(test.includes[each].layer for each in numbers)):
        places |= layer.places
    return Explanation(job, tuple(because), {key: where(place) for key, place in places.items()})


def _adding(test: Test, job: Job) -> int | None:
    """The include without which the job would not be there."""
    values = dict(job.axes)
    crossed = test.crossed and job.distro in test.distros
    if crossed and all(values[axis.name] in [value.text for value in axis.values] for axis in test.axes):
        excludes = [each for each in test.excludes if each.distros is None or job.distro in each.distros]
        if not any(all(values[name] == value for name, value in each.values) for each in excludes):
            return None
    whole = (number for number, each in enumerate(test.includes) if each.whole and job.distro in each.distros)
    return next((number for number in whole if dict(test.includes[number].values) == values), None)


def _axis_places(test: Test, job: Job) -> list[tuple[str, str, Place]]:
    values = dict(job.axes)
    return [
        (axis.name, value.text, value.place)
        for axis in test.axes
        for value in axis.values
        if value.text == values[axis.name]
    ]


def _said(places: Mapping[str, Place]) -> str:
    return ", ".join(key for key in places if "." not in key)
