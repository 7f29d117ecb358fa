"""What of its scope a template names, read from its syntax tree: pure.

``matrix.opt`` and ``matrix['opt']`` name one axis. Where ``matrix`` itself is used, in a loop, a variable or by one of its
methods, any axis may be meant; and so with ``env``, ``distro`` and ``job``.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from farm.matrix.template import DICT_METHODS, GLOBALS, Scope, not_in, not_there
from farm.values import dataclass

_NO_FACTS = frozenset({"name", "tags"})


@dataclass(frozen=True, slots=True)
class Uses:
    """``axes``, ``env`` and ``job`` are the names after ``matrix``, ``env`` and ``job``, None for all.

    ``facts`` are those after ``distro``, with the line of each. ``distro`` says that the job's distro makes a difference, and
    ``whole_distro`` that all of it may be meant.
    """

    axes: frozenset[str] | None = frozenset()
    env: frozenset[str] | None = frozenset()
    job: frozenset[str] | None = frozenset()
    facts: frozenset[tuple[str, int]] = frozenset()
    distro: bool = False
    whole_distro: bool = False

    @property
    def of_image(self) -> bool:
        """Whether it names what is known only when the image is there."""
        return self.whole_distro or any(name not in _NO_FACTS for name, _ in self.facts)

    def of_variables(self, names: frozenset[str]) -> bool:
        """Whether it names one of these variables."""
        return bool(names) if self.env is None else not self.env.isdisjoint(names)


NOTHING = Uses()


def uses(tree: nodes.Template) -> Uses:
    """What is named anywhere in ``tree``, whether or not a render comes there."""
    named: dict[str, list[tuple[str, int] | None]] = {"matrix": [], "env": [], "job": [], "distro": []}
    for name, member, _ in _members(tree):
        if name in named:
            named[name].append(member)
    facts = named["distro"]
    return Uses(
        axes=_names(named["matrix"]),
        env=_names(named["env"]),
        job=_names(named["job"]),
        facts=frozenset(each for each in facts if each),
        distro=bool(facts),
        whole_distro=None in facts,
    )


def undefined(tree: nodes.Template, scope: Scope) -> list[tuple[int, str]]:
    """Line and message of each name in ``tree`` that ``scope`` does not have, but for those that the template asks after."""
    asked = _asked_after(tree)
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"} | GLOBALS
    found: dict[tuple[int, str], None] = {}
    for name, member, line in _members(tree):
        if name not in scope:
            if name not in own and (name, None) not in asked:
                found[line, not_there(name)] = None
        elif member is not None and member[0] not in scope[name] and (name, member[0]) not in asked:
            found[member[1], not_in(scope[name], member[0])] = None
    return list(found)


def _members(tree: nodes.Template) -> Iterator[tuple[str, tuple[str, int] | None, int]]:
    """Each name that is read: what stands after it and on which line, None for nothing or a method; and its own line."""
    members: dict[int, tuple[str, int]] = {}
    found: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    for each in found:
        member = _member(each)
        if member is not None and member not in DICT_METHODS:
            members[id(each.node)] = member, each.lineno
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load":
            yield name.name, members.get(id(name)), name.lineno


def _asked_after(tree: nodes.Template) -> set[tuple[str, str | None]]:
    """What stands before ``default`` or ``is defined``, and after an ``in``."""
    places: list[nodes.Node] = []
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in ("default", "d") and filtered.node is not None:
            places.append(filtered.node)
    places.extend(test.node for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined"))
    found: set[tuple[str, str | None]] = set()
    for place in places:
        if isinstance(place, nodes.Name):
            found.add((place.name, None))
        elif isinstance(place, (nodes.Getattr, nodes.Getitem)) and isinstance(place.node, nodes.Name):
            found.add((place.node.name, _member(place)))
    for compared in tree.find_all(nodes.Compare):
        for operand in compared.ops:
            if operand.op in ("in", "notin") and isinstance(operand.expr, nodes.Name):
                wanted = compared.expr.value if isinstance(compared.expr, nodes.Const) else None
                found.add((operand.expr.name, wanted))
    return found


def _names(members: list[tuple[str, int] | None]) -> frozenset[str] | None:
    return None if None in members else frozenset(each[0] for each in members if each)


def _member(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """``b`` of ``a.b`` and of ``a['b']``."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None
