"""What of its scope a template names, read from its syntax tree: pure.

``matrix.opt`` and ``matrix['opt']`` name one axis. Where ``matrix`` itself is used, in a loop, a variable or by one of its
methods, any axis may be meant.
"""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import nodes

from farm.matrix.template import DICT_METHODS


@dataclass(frozen=True, slots=True)
class Uses:
    """``axes`` are the names after ``matrix``, None for all; ``facts`` those after ``distro``, with the line of each."""

    axes: frozenset[str] | None = frozenset()
    facts: frozenset[tuple[str, int]] = frozenset()
    job: bool = False


NOTHING = Uses()


def uses(tree: nodes.Template) -> Uses:
    """What is named anywhere in ``tree``, whether or not a render comes there."""
    names = [name for name in tree.find_all(nodes.Name) if name.ctx == "load"]
    members: dict[int, tuple[str, int]] = {}
    found: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    for each in found:
        member = _member(each)
        if member is not None and member not in DICT_METHODS:
            members[id(each.node)] = member, each.lineno
    axes = [members.get(id(name)) for name in names if name.name == "matrix"]
    facts = [members.get(id(name)) for name in names if name.name == "distro"]
    return Uses(
        axes=None if None in axes else frozenset(each[0] for each in axes if each),
        facts=frozenset(each for each in facts if each),
        job=any(name.name == "job" for name in names),
    )


def _member(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """``b`` of ``a.b`` and of ``a['b']``."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None
