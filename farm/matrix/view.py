"""What a cell shows to its templates."""

from __future__ import annotations

from collections.abc import Mapping

from farm.matrix.cells import Cell
from farm.matrix.facts import STAND_IN, awaited, told
from farm.matrix.template import Scope
from farm.model.distro import Facts
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """``early`` is the scope of what has to be known before there is an image.

    ``scope`` has its facts, or those of no image in particular. ``env`` is that of ``scope``, and grows while variables are
    rendered.
    """

    distro: str
    axes: tuple[tuple[str, str], ...]
    shard: tuple[int, int]
    early: Scope
    scope: Scope
    env: dict[str, object]


class Views:
    """Those of one test's cells. ``tags`` are those of each distro, ``facts`` those of the image, if that is there."""

    def __init__(self, test: str, tags: Mapping[str, tuple[str, ...]], facts: Facts | None) -> None:
        self._test = test
        self._tags = tags
        self._facts = facts or STAND_IN
        self._distros: dict[str, tuple[dict[str, object], dict[str, object]]] = {}

    def of(self, cell: Cell, *, same_env: bool) -> View:
        """That of ``cell``; with ``same_env`` variables are the same in both scopes."""
        known = self._distros.get(cell.distro)
        if known is None:
            tags = self._tags[cell.distro]
            known = awaited(cell.distro, tags), told(cell.distro, tags, self._facts)
            self._distros[cell.distro] = known
        matrix: dict[str, object] = dict(cell.axes)
        shard = (cell.shard.index, cell.shard.total) if cell.shard else (0, 1)
        job: dict[str, object] = {"name": self._test, "shard": shard[0], "shards": shard[1]}
        env: dict[str, object] = {}
        early: Scope = {"matrix": matrix, "distro": known[0], "job": job, "env": env if same_env else {}}
        return View(cell.distro, cell.axes, shard, early, {**early, "distro": known[1], "env": env}, env)
