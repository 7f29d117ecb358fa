"""Who runs the commands that make images: the one place that says which."""

from __future__ import annotations

from collections.abc import Callable

from farm.errors import ImageError
from farm.kernel.userns import IdMap
from farm.model.build import Build
from farm.model.ports import Builder


def make_builder(home: str, id_map: IdMap | None) -> Builder:  # noqa: ARG001 - a placeholder
    """The builder of this host; ``home`` is the farm's folder."""
    return _NoBuilder()


class _NoBuilder:
    """Placeholder for ``farm.engine.build.LocalBuilder``."""

    def build(self, build: Build, log_path: str, watch: Callable[[], None]) -> str:  # noqa: ARG002
        raise ImageError("there is nobody to build images yet", build.name)
