"""Templates that only put names between texts, as most do, rendered without jinja2's machinery: some ten times as fast.

What this cannot do, and whatever is wrong, is left to jinja2, so that there is one place that decides and one that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from jinja2 import nodes

_LONGEST = 16 << 10  # in characters: far below every bound
_Part: TypeAlias = str | tuple[str, str]


def simple(
    tree: nodes.Template, general: Callable[[dict[str, dict[str, object]]], str]
) -> Callable[[dict[str, dict[str, object]]], str]:
    """A function that gives the same as ``general``, which renders ``tree``; ``general`` itself where there is more to do."""
    parts = _parts(tree)
    if parts is None:
        return general
    known: tuple[_Part, ...] = tuple(parts)

    def render(scope: Mapping[str, Mapping[str, object]]) -> str:
        found: list[str] = []
        for part in known:
            if part.__class__ is str:
                found.append(part)
                continue
            value = scope.get(part[0], _NOTHING).get(part[1])
            if value.__class__ is not str:
                return general(scope)  # type: ignore[arg-type]
            found.append(value)
        text = "".join(found)
        return text if len(text) <= _LONGEST else general(scope)  # type: ignore[arg-type]

    return render


def _parts(tree: nodes.Template) -> list[_Part] | None:
    """Texts, and names with a member each; None where there is anything else."""
    parts: list[_Part] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                parts.append(node.data)
            elif isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
                parts.append((node.node.name, node.attr))
            else:
                return None
    return parts


_NOTHING: Mapping[str, object] = {}
