"""YAML text as a tree that remembers where each key and value stands, built within bounds.

PyYAML's parser gives events; this module composes them itself, because PyYAML's composer recurses once a level (depth
10,000 ends the interpreter, or the C stack), shares aliased nodes without counting what they expand to, and lets the
last of two equal keys win. Tags are those of YAML 1.1's core only: nothing in a file can name a Python object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from farm.matrix.problems import MatrixError, Problem
from farm.matrix.source import START, Place, SourceText

MAX_DEPTH = 40
MAX_NODES = 200_000
"""Keys and values a file may have, each alias counted as all that it stands for."""

_CORE = "tag:yaml.org,2002:"
_SCALAR_KINDS = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
_MERGE = f"{_CORE}merge"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value as written: ``text`` is what stands in the file, ``kind`` what YAML 1.1 reads it as (``str``, ``bool``…).

    ``literal`` says that it is a ``|`` block, whose first line of text stands one line below ``place``.
    """

    text: str
    kind: str
    place: Place
    literal: bool = False


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping; ``keys`` holds the key scalars by their text, ``values`` what they stand for, both in file order."""

    keys: Mapping[str, Scalar]
    values: Mapping[str, Node]
    place: Place


Node: TypeAlias = Scalar | SequenceNode | MappingNode


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    place: Place
    anchor: str | None
    mapping: bool
    nodes_before: int
    items: list[Node] = field(default_factory=list)


def compose(source: SourceText) -> tuple[Node, tuple[Problem, ...]]:
    """The tree of ``source``, and problems (duplicate keys, odd keys) that leave a tree to go on with.

    Raises ``MatrixError`` where there is none: not YAML, empty, several documents, beyond the bounds.
    """
    composer = _Composer(source)
    try:
        for event in yaml.parse(source.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else None
        remedy = _advice(error, source.lines[place.line - 1] if place and place.line <= len(source.lines) else "")
        raise MatrixError((source.problem(place, f"not YAML: {_explained(error)}", remedy),)) from None
    except yaml.reader.ReaderError as error:
        raise MatrixError((source.problem(*_unreadable(source, error)),)) from None
    if composer.root is None:
        raise composer.refuse(None, "the file is empty", "begin with: version: 1")
    return composer.root, tuple(composer.problems)


class _Composer:
    """Builds the tree event by event; its stack is a list, so depth costs no recursion."""

    def __init__(self, source: SourceText) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._source = source
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._open_anchors: set[str] = set()
        self._nodes = 0
        self._resolver = yaml.resolver.Resolver()

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._count(1, _place(event))
            self._add(self._scalar(event), event.anchor, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise self.refuse(_place(event), "a second document begins here", "keep one document in a file")

    def refuse(self, place: Place | None, message: str, remedy: str = "") -> MatrixError:
        """The error that ends it, with the problems that were found before it."""
        return MatrixError((*self.problems, self._source.problem(place, message, remedy)))

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self.refuse(place, f"more than {MAX_NODES:,} keys and values, aliases expanded", "use fewer aliases")

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        place = _place(event)
        tag = event.tag
        if tag is None or tag == "!":
            tag = str(self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit))  # type: ignore[no-untyped-call]
        kind = tag.removeprefix(_CORE)
        if tag in (_MERGE, f"{_CORE}value"):
            kind = "merge" if tag == _MERGE else "str"
        elif not tag.startswith(_CORE) or kind not in _SCALAR_KINDS:
            self.problems.append(self._tag_problem(place, tag))
            kind = "str"
        return Scalar(event.value, kind, place, event.style == "|")

    def _tag_problem(self, place: Place, tag: str) -> Problem:
        shown = f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag
        return self._source.problem(place, f"the tag {shown} is not allowed", "remove it: values are plain YAML")

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        place = _place(event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if len(self._stack) >= MAX_DEPTH:
            raise self.refuse(place, f"nested deeper than {MAX_DEPTH} levels")
        if event.tag not in (None, "!", f"{_CORE}{'map' if mapping else 'seq'}"):
            self.problems.append(self._tag_problem(place, event.tag))
        if event.anchor is not None:
            self._open_anchors.add(event.anchor)
        self._stack.append(_Open(place, event.anchor, mapping, self._nodes))
        self._count(1, place)

    def _end(self) -> None:
        done = self._stack.pop()
        if done.anchor is not None:
            self._open_anchors.discard(done.anchor)
        node = self._mapping(done) if done.mapping else SequenceNode(tuple(done.items), done.place)
        self._add(node, done.anchor, self._nodes - done.nodes_before)

    def _alias(self, event: yaml.AliasEvent) -> None:
        place = _place(event)
        if event.anchor in self._open_anchors:
            raise self.refuse(place, f"the alias *{event.anchor} stands inside its own anchor")
        if event.anchor not in self._anchors:
            raise self.refuse(place, f"the alias *{event.anchor} has no anchor above it")
        node, size = self._anchors[event.anchor]
        self._count(size, place)
        self._add(node, None, size)

    def _add(self, node: Node, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        if self._stack:
            self._stack[-1].items.append(node)
        else:
            self.root = node

    def _mapping(self, done: _Open) -> MappingNode:
        """The mapping of alternating keys and values; merged keys come last and never replace one that is written."""
        keys: dict[str, Scalar] = {}
        values: dict[str, Node] = {}
        merged: list[Node] = []
        for key, value in zip(done.items[::2], done.items[1::2], strict=True):
            if not isinstance(key, Scalar):
                remedy = 'put text that begins with {{ in quotes: "{{ ... }}"' if isinstance(key, MappingNode) else ""
                self.problems.append(self._source.problem(key.place, "a list or mapping cannot be a key", remedy))
            elif key.kind == "merge":
                merged.append(value)
            elif key.text in keys:
                message = (
                    f"the key {key.text!r} stands here a second time; the first is on line {keys[key.text].place.line}"
                )
                self.problems.append(self._source.problem(key.place, message, "keep one of them"))
            else:
                keys[key.text], values[key.text] = key, value
                if key.kind != "str":
                    remedy = f'write it in quotes: "{key.text}"'
                    self.problems.append(
                        self._source.problem(key.place, f"the key {key.text!r} is not read as text", remedy)
                    )
        for node in self._merge_sources(merged):
            for text, key in node.keys.items():
                if text not in keys:
                    keys[text], values[text] = key, node.values[text]
        return MappingNode(keys, values, done.place)

    def _merge_sources(self, merged: list[Node]) -> Iterator[MappingNode]:
        for value in merged:
            for node in value.items if isinstance(value, SequenceNode) else (value,):
                if isinstance(node, MappingNode):
                    yield node
                else:
                    self.problems.append(self._source.problem(node.place, "<< merges mappings only"))


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else START


def _explained(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part) or "malformed"


def _advice(error: yaml.MarkedYAMLError, line: str) -> str:
    problem = error.problem or ""
    if "tab" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "quote a value that has ': ' in it, or mend the indentation"
    return ""


def _unreadable(source: SourceText, error: yaml.reader.ReaderError) -> tuple[Place, str, str]:
    """Where and what the character is that YAML does not allow; PyYAML and libyaml count its position differently."""
    for number, line in enumerate(source.lines, 1):
        for column, character in enumerate(line, 1):
            if yaml.reader.Reader.NON_PRINTABLE.match(character):
                code = ord(character)
                message = f"not YAML: the character U+{code:04X} is not allowed"
                return Place(number, column), message, f'write it as "\\u{code:04x}" in double quotes'
    return Place(1, 1), f"not YAML: {error.reason}", ""
