"""One template of a test, rendered for many cells: once for all of those that give it the same values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from farm.matrix.document import Template
from farm.matrix.rendering import Rendering
from farm.matrix.template import is_plain
from farm.matrix.view import View

_REMEMBERED = 1024
Wrong: TypeAlias = Callable[[str], tuple[str, str] | None]
"""What is wrong with a rendered text, as message and remedy."""


class _Missing:
    """Nothing is known yet."""


_MISSING = _Missing()


class Text:
    """``late`` says that it names facts of an image, or one of the variables ``late_env`` that do.

    ``plain`` says that there is nothing to be rendered, ``of_variables`` that it names variables. An ``early`` one may name
    no facts.
    """

    def __init__(
        self,
        rendering: Rendering,
        template: Template,
        late_env: frozenset[str] = frozenset(),
        *,
        early: bool = False,
        condition: bool = False,
        wrong: Wrong | None = None,
    ) -> None:
        self.template = template
        self._rendering = rendering
        self._wrong = wrong
        self._is_condition = condition
        self._decide = rendering.condition(template) if condition else None
        self._render = rendering.compiled(template) if not condition else None
        self._uses = rendering.uses(template, condition=condition)
        self.late = not early and (self._uses.of_image or self._uses.of_variables(late_env))
        self._early = early
        self._axes = None if self._uses.axes is None else tuple(sorted(self._uses.axes))
        self._variables = None if self._uses.env is None else tuple(sorted(self._uses.env))
        self._of_shard = self._uses.job is None or not self._uses.job.isdisjoint(("shard", "shards"))
        self.of_variables = self._variables != ()
        self.plain = not condition and (template.raw or is_plain(template.text))
        self._known: dict[object, str | bool | None] = {}
        self._hits = 0
        self._differs_always = False  # so many cells without two alike: keys would cost more than they save

    def of(self, view: View) -> str | None:
        """The text for a cell; None where there is none, which is among the problems."""
        found = self._value(view)
        return found if isinstance(found, str) else None

    def holds(self, view: View) -> bool | None:
        """Whether the condition is true of a cell; None where that cannot be told, which is among the problems."""
        found = self._value(view)
        return found if isinstance(found, bool) else None

    def _value(self, view: View) -> str | bool | None:
        if self._differs_always:
            return self._rendered(view)
        key = "" if self.plain else self._key(view)
        found = self._known.get(key, _MISSING)
        if not isinstance(found, _Missing):
            self._hits += 1
            return found
        if len(self._known) >= _REMEMBERED:
            self._differs_always = self._hits == 0
            self._known.clear()
        made = self._known[key] = self._rendered(view)
        return made

    def _rendered(self, view: View) -> str | bool | None:
        scope = view.early if self._early else view.scope
        if self._is_condition:
            return self._rendering.rendered(self.template, self._decide, scope, condition=True)
        found = self._rendering.rendered(self.template, self._render, scope)
        wrong = self._wrong(found) if self._wrong is not None and found is not None else None
        if wrong is not None:
            self._rendering.report(self.template.place, *wrong)
            return None
        return found

    def _key(self, view: View) -> object:
        """All that can make a difference."""
        matrix, env = view.scope["matrix"], view.env
        return (
            view.axes if self._axes is None else tuple([matrix.get(name) for name in self._axes]),
            view.distro if self._uses.distro else "",
            tuple(env.items()) if self._variables is None else tuple([env.get(name) for name in self._variables]),
            view.shard if self._of_shard else "",
        )
