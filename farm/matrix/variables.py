"""The variables of a test's jobs, cell by cell: each may use those before it, and each facts of the image."""

from __future__ import annotations

from collections.abc import Sequence

from farm.matrix.document import Template
from farm.matrix.facts import awaited_variable
from farm.matrix.rendering import Rendering
from farm.matrix.text import Text
from farm.matrix.view import View


class Variables:
    """``late`` are the names of those that name facts, or others that do; none if the facts are there (``final``)."""

    def __init__(self, env: Sequence[tuple[str, Template]], rendering: Rendering, *, final: bool) -> None:
        texts: list[tuple[str, Text]] = []
        late: frozenset[str] = frozenset()
        for name, template in env:
            text = Text(rendering, template, late)
            texts.append((name, text))
            late = late | {name} if text.late else late - {name}
        self.late = frozenset() if final else late
        self._final = final
        self._texts = tuple(texts)
        self._names = tuple(sorted({name for name, _ in texts}))
        self._made: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}

    def of(self, view: View) -> tuple[tuple[str, str], ...] | None:
        """Those of a cell, sorted by name, late ones as they are written; and into the scopes of ``view``.

        None where one is wrong. It is empty in the scopes, so that what uses it is not reported too.
        """
        sound = True
        shown: dict[str, str] = {}
        for name, text in self._texts:
            value = text.of(view)
            sound = sound and value is not None
            view.env[name] = value or ""
            shown[name] = text.template.text if text.late and not self._final else value or ""
            if self.late:
                view.early["env"][name] = awaited_variable(name) if text.late else value or ""
        found = tuple([(name, shown[name]) for name in self._names])
        return self._made.setdefault(found, found) if sound else None

    def written(self, wanted: str) -> Template | None:
        """What is written for the variable ``wanted``."""
        return next((text.template for name, text in self._texts if name == wanted), None)
