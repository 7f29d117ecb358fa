"""The templates of one file: compiled, rendered, and what is wrong with them said once and not once a cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from farm.matrix.document import Template
from farm.matrix.problems import Problem
from farm.matrix.source import Place, SourceText
from farm.matrix.template import Renderer, Scope, TemplateError
from farm.matrix.uses import NOTHING, Uses, undefined, uses

_NAME = re.compile(
    r"'(?P<member>\w+)' is (?:not defined here|set in the container)|(?P<fact>(?:distro|env)\.\w+) (?:is|names) "
    r"|(?:no filter is called )?'(?P<other>\w+)'(?: is not defined;|; there are )"
)
"""What messages about names begin with."""
_Made = TypeVar("_Made", str, bool)
Render: TypeAlias = Callable[[Scope], str]
Decide: TypeAlias = Callable[[Scope], bool]


class Rendering:
    """Appends to ``problems``, each once."""

    def __init__(self, source: SourceText, problems: list[Problem]) -> None:
        self.source = source
        self._renderer = Renderer()
        self._problems = problems
        self._reported: set[Problem] = set()

    def compiled(self, template: Template) -> Render | None:
        """The template's function, or None and a problem."""
        if template.raw:
            return lambda _scope: template.text
        try:
            return self._renderer.compile(template.text)
        except TemplateError as error:
            self.report(self._place(template, error.line, error.message), error.message)
            return None

    def condition(self, template: Template) -> Decide | None:
        """The function of an expression, or None and a problem."""
        try:
            return self._renderer.condition(template.text)
        except TemplateError as error:
            self.report(self._place(template, error.line, error.message), error.message)
            return None

    def rendered(
        self, template: Template, render: Callable[[Scope], _Made] | None, scope: Scope, *, condition: bool = False
    ) -> _Made | None:
        """What the template's function makes of ``scope``, or None where that cannot be had."""
        if render is None:
            return None
        try:
            return render(scope)
        except TemplateError as error:
            self.report(self._place(template, error.line, error.message), error.message)
            if error.undefined:
                # The render ended at the first; whoever reads of it wants to know of the others.
                tree = self._renderer.parse(template.text, condition=condition)
                for line, message in undefined(tree, scope) if tree is not None else ():
                    self.report(self._place(template, line, message), message)
            return None

    def uses(self, template: Template, *, condition: bool = False) -> Uses:
        """What of the scope the template names; nothing where it is malformed, which ``compiled`` reports."""
        if template.raw:
            return NOTHING
        try:
            tree = self._renderer.parse(template.text, condition=condition)
        except TemplateError:
            return NOTHING
        return uses(tree) if tree is not None else NOTHING

    def _place(self, template: Template, line: int, message: str) -> Place:
        """Where the name that ``message`` is about stands in ``line`` of the template, else where that line begins."""
        place = template.place_of(line)
        name = _NAME.match(message)
        if name is None or (line > 1 and not template.literal):
            return place
        before = r"(?:\.\s*|\[\s*['\"])" if name["member"] else r"(?<![\w.])"
        word = re.escape(name["member"] or name["fact"] or name["other"])
        text = self.source.lines[place.line - 1] if place.line <= len(self.source.lines) else ""
        opening = max(place.column - 1, text.find("{", place.column - 1))
        found = re.compile(f"{before}({word})(?!\\w)").search(text, opening)
        return Place(place.line, found.start(1) + 1) if found else place

    def report(self, place: Place, message: str, remedy: str = "") -> None:
        problem = self.source.problem(place, message, remedy)
        if problem not in self._reported:
            self._reported.add(problem)
            self._problems.append(problem)
