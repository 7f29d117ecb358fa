"""The distros that services run on: those that jobs run on too, others of the catalogue, or their own ``rootfs``."""

from __future__ import annotations

from farm.matrix.catalogue import Catalogue, unmatched
from farm.matrix.origin import Origin, absent, located
from farm.matrix.problems import Problem
from farm.matrix.source import SourceText
from farm.matrix.tree import Scalar
from farm.model.distro import Distro, Source


class ServiceImages:
    """Finds them, each once; ``more`` are those beyond ``distros``, which the file selects for its jobs."""

    def __init__(
        self, source: SourceText, known: Catalogue, distros: tuple[Distro, ...], problems: list[Problem]
    ) -> None:
        self._source = source
        self._known = known
        self._names = {distro.name for distro in distros}
        self._problems = problems
        self._own: dict[Source, str] = {}
        self.more: list[Distro] = []

    def named(self, written: Scalar) -> str | None:
        """The distro with the name ``written``; None and a problem where there is none."""
        name = written.text
        if name in self._names:
            return name
        if self._known.matching(name) != [name]:
            self._problems.append(self._source.problem(written.place, *unmatched(name, self._known.names())))
            return None
        distro = self._known.resolve(name, self._problems)
        if distro is None:
            return None
        return self._add(distro)

    def own(self, service: str, written: Scalar, sha256: str | None) -> str | None:
        """A distro of the root filesystem ``written``, called after ``service``; None and a problem where there is none."""
        origin = Origin(written.place, written.text, sha256)
        found = located(origin, self._source.file, "")
        wrong = absent(origin, found) if isinstance(found, Source) else found
        if wrong is not None or not isinstance(found, Source):
            self._problems.append(self._source.problem(written.place, *(wrong or ("", ""))))
            return None
        if found not in self._own:
            self._own[found] = self._add(Distro(self._free(service), (found,), (), self._source.where(written.place)))
        return self._own[found]

    def _add(self, distro: Distro) -> str:
        self._names.add(distro.name)
        self.more.append(distro)
        return distro.name

    def _free(self, service: str) -> str:
        """A name that no distro has: ``service-db``, else ``service-db-2``, ..."""
        name, number = f"service-{service}", 2
        while name in self._names or self._known.matching(name):
            name, number = f"service-{service}-{number}", number + 1
        return name
