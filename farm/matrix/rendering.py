"""The templates of one file: compiled, rendered, and what is wrong with them said once and not once a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from farm.matrix.document import Template
from farm.matrix.problems import Problem
from farm.matrix.source import Place, SourceText
from farm.matrix.template import Renderer, Scope, TemplateError
from farm.matrix.uses import NOTHING, Uses, uses

Render: TypeAlias = Callable[[Scope], str]


class Rendering:
    """Appends to ``problems``, each once."""

    def __init__(self, source: SourceText, problems: list[Problem]) -> None:
        self.source = source
        self._renderer = Renderer()
        self._problems = problems
        self._reported: set[Problem] = set()

    def compiled(self, template: Template) -> Render | None:
        """The template's function, or None and a problem."""
        try:
            return self._renderer.compile(template.text)
        except TemplateError as error:
            self.report(template.place_of(error.line), error.message)
            return None

    def rendered(self, template: Template, render: Render | None, scope: Scope) -> str | None:
        """The text, or None where that cannot be had."""
        if render is None:
            return None
        try:
            return render(scope)
        except TemplateError as error:
            for each in (*error.others, error):
                self.report(template.place_of(each.line), each.message)
            return None

    def uses(self, template: Template) -> Uses:
        """What of the scope the template names; nothing where it is malformed, which ``compiled`` reports."""
        try:
            tree = self._renderer.parse(template.text)
        except TemplateError:
            return NOTHING
        return uses(tree) if tree is not None else NOTHING

    def report(self, place: Place, message: str, remedy: str = "") -> None:
        problem = self.source.problem(place, message, remedy)
        if problem not in self._reported:
            self._reported.add(problem)
            self._problems.append(problem)
