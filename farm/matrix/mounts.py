"""``mounts`` of a test, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

from farm.matrix.document import MountStep
from farm.matrix.mounting import host_path, inside, wrong_source, wrong_target
from farm.matrix.rendering import Rendering
from farm.matrix.text import Text
from farm.matrix.view import View
from farm.model.mount import Mount


class Mounts:
    """Whether a source is there is looked for once for each path."""

    def __init__(self, steps: Sequence[MountStep], rendering: Rendering) -> None:
        self._rendering = rendering
        self._file = rendering.source.file
        self._texts = tuple(
            (
                Text(rendering, step.source, early=True, wrong=self._wrong),
                Text(rendering, step.target, early=True, wrong=wrong_target),
                step.mode,
            )
            for step in steps
        )

    def of(self, view: View) -> tuple[Mount, ...] | None:
        """Those of a cell; None where one is wrong, which is among the problems."""
        found: dict[str, Mount] = {}
        sound = True
        for source, target, mode in self._texts:
            path, place = source.of(view), target.of(view)
            if path is None or place is None:
                sound = False
            elif inside(place) in found:
                message = f"something is mounted at {inside(place)!r} already"
                self._rendering.report(target.template.place, message, "mount each at a place of its own")
                sound = False
            else:
                found[inside(place)] = Mount(host_path(self._file, path), inside(place), mode)
        return tuple(found.values()) if sound else None

    def _wrong(self, written: str) -> tuple[str, str] | None:
        return wrong_source(written, host_path(self._file, written))
