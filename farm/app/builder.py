"""Who runs the commands that make images: the one place that says which."""

from __future__ import annotations

from farm.engine.build import LocalBuilder
from farm.kernel.userns import IdMap
from farm.model.ports import Builder


def make_builder(id_map: IdMap | None) -> Builder:
    """The builder of this host."""
    return LocalBuilder(id_map)
