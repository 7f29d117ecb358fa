"""The catalogue that comes with the farm: one file a family, read only when a name may be in it.

::

    distros/           at the top of the source; farm/distros leads there, and a wheel has the files themselves
      debian.yaml      what is called debian, or begins with debian-
      ubuntu.yaml

A run that names few distros, or only ``host``, does not wait for all the others to be parsed.
"""

from __future__ import annotations

import os
import re

from farm.matrix.definition import Definition, read_definitions
from farm.matrix.problems import Problem

SHIPPED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "distros")
_SUFFIX = ".yaml"


class Shipped:
    """The files of ``folder``, empty for none. What is wrong with one of them goes to ``problems`` when it is read."""

    def __init__(self, folder: str, problems: list[Problem]) -> None:
        self._folder = folder
        self._problems = problems
        self._families: list[str] | None = None
        self._read: dict[str, dict[str, Definition]] = {}

    def find(self, pattern: str) -> dict[str, Definition]:
        """Every definition of the files in which there may be one called ``pattern``, a name or a glob."""
        fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        found: dict[str, Definition] = {}
        for family in self._listed():
            if pattern == family or fixed.startswith(f"{family}-") or (fixed != pattern and family.startswith(fixed)):
                found |= self._family(family)
        return found

    def _listed(self) -> list[str]:
        if self._families is None:
            try:
                names = os.listdir(self._folder) if self._folder else []
            except OSError as error:
                message = f"cannot read the catalogue that comes with the farm: {error.strerror}"
                self._problems.append(Problem(self._folder, 0, 0, message, "install the farm anew"))
                names = []
            self._families = sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return self._families

    def _family(self, family: str) -> dict[str, Definition]:
        if family not in self._read:
            path = os.path.join(self._folder, family + _SUFFIX)
            self._read[family] = {each.name: each for each in read_definitions(path, self._problems)}
        return self._read[family]
