"""What a matrix file here could name, and of which there is an image in the store already."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from farm.app.distros import MATRIX
from farm.errors import UsageError
from farm.image.resolve import known
from farm.image.store import Store
from farm.matrix.catalogue import folders_of, read_catalogue, unmatched
from farm.matrix.document import Matrix
from farm.matrix.late import Completion
from farm.matrix.problems import MatrixError, Problem
from farm.model.distro import Distro, Source, SourceKind
from farm.model.job import Job
from farm.values import dataclass

_REMOTE = (SourceKind.URL, SourceKind.REGISTRY, SourceKind.BOOTSTRAP)


@dataclass(frozen=True, slots=True)
class Available:
    """A distro by its name; ``distro`` is None where ``problem`` says why it cannot be used.

    ``digest`` is that of an image in the store which one of its sources led to, empty if there is none, None if that cannot
    be seen.
    """

    name: str
    distro: Distro | None
    digest: str | None = ""
    problem: str = ""


def available(patterns: Sequence[str], folders: Sequence[str], store: Store) -> list[Available]:
    """The distros that ``patterns``, names and globs, stand for; all of them without one. In the order that people count in.

    They are those of ``distros/`` here, of ``folders``, and what comes with the farm. Nothing is asked, hashed or written.
    Raises ``UsageError`` where a pattern stands for nothing, and with what is wrong with the files.
    """
    problems: list[Problem] = []
    catalogue = read_catalogue(folders_of(MATRIX, folders), problems)
    names = set(catalogue.names() if not patterns else ())
    if problems:
        raise MatrixError(tuple(problems))
    for pattern in patterns:
        found = catalogue.matching(pattern)
        if not found:
            raise UsageError(*unmatched(pattern, catalogue.names()))
        names.update(found)
    stored = _Stored(store)
    listed = []
    for name in sorted(names, key=_counted):
        wrong: list[Problem] = []
        distro = catalogue.resolve(name, wrong)
        if distro is None:
            listed.append(Available(name, None, problem=wrong[0].message))
        else:
            listed.append(Available(name, distro, stored.digest(distro)))
    return listed


def whole(job: Job, matrix: Matrix, store: Store) -> Job:
    """``job`` of ``matrix`` with the facts of its image where the store has that; as it is, with its templates, where not.

    One that those facts skip has its reason. Nothing is asked, hashed or written. Raises ``LateError`` where they do not do.
    """
    distro = next((each for each in matrix.distros if each.name == job.distro), None)
    if not job.late or distro is None:
        return job
    digest = _Stored(store).digest(distro)
    image = store.lookup(digest) if digest else None
    if image is None:
        return job
    made = Completion(matrix).complete(job, image)
    return replace(job, condition=made, late=False) if isinstance(made, str) else made


class _Stored:
    """What the store has, as far as this user may see it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._digests: dict[str, str] | None = None
        try:
            # The one used last is the first, and stays.
            self._digests = {image.source: image.digest for image in reversed(store.images())}
        except UsageError:
            pass  # it is root's

    def digest(self, distro: Distro) -> str | None:
        if self._digests is None:
            return None
        return next((found for each in distro.sources if (found := self._of(each, self._digests))), "")

    def _of(self, source: Source, digests: dict[str, str]) -> str:
        if source.kind in _REMOTE:
            image = known(source, self._store)
            return image.digest if image is not None else ""
        return digests.get(source.path or source.kind, "")


def _counted(name: str) -> list[tuple[int, str]]:
    """So that ``alpine-3.9`` comes before ``alpine-3.10``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
